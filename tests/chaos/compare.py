"""Whether two sweeps' results are the same to the bit, times and hosts aside."""

from pathlib import Path

import pandas as pd

from trainables.metrics import PROFILE
from trainables.model_card import MODEL
from tuning.results import load

ASIDE = {
    "epochs": ["seconds", "images_per_second"],
    "trials": ["seconds", "host", *PROFILE],
    "test": [],
    "predictions": [],
}
"""{table: the columns that are not compared}"""


def differences(ours: Path, theirs: Path) -> list[str]:
    """Return in what two sweeps' folders differ: tables, model, names of files."""
    found = []
    for table, aside in ASIDE.items():
        frames = [getattr(load(path), table) for path in (ours, theirs)]
        if any(frame is None for frame in frames):
            found.append(f"{table}: missing")
            continue
        try:
            pd.testing.assert_frame_equal(*(frame.drop(columns=aside) for frame in frames), check_exact=True)
        except AssertionError as error:
            found.append(f"{table}: {' '.join(str(error).split())}")
    if _bytes(ours / MODEL) != _bytes(theirs / MODEL):
        found.append(f"{MODEL}: other bytes")
    names = [{path.name for path in folder.iterdir()} for folder in (ours, theirs)]
    found += [f"{name}: is left over" for name in sorted(names[0] - names[1])]
    found += [f"{name}: is missing" for name in sorted(names[1] - names[0])]
    found += [f"{path.relative_to(ours)}: is left over" for path in sorted(ours.rglob("checkpoint_*"))]
    return found


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
