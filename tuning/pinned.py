"""What a sweep runs with, written down at its start: it goes on with the same or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_utils.errors import InputError
from data_utils.sealed_json import read_sealed, sealed
from tuning.differences import as_text, differences
from tuning.files import aside
from tuning.frames import RAY_FOLDER
from tuning.journal import FOLDER
from tuning.results import EPOCHS

SETTINGS = "settings.json"

_MAY_DIFFER = (
    "name",
    "storage",
    "scale",
    "resources.gpus",
    "resources.max_concurrent",
    "faults",
    "track",
    "s3",
)


_CONTENTS = {"images": "data.root", "weights": "model.weights"}
"""{what is compared by what it holds: the setting that names it}; of images names, sizes and lists."""


def may_differ(key: str) -> bool:
    """Return whether a setting says where a sweep runs, not what it computes: another machine may go on with it."""
    return any(key == one or key.startswith(f"{one}.") for one in _MAY_DIFFER)


def keep_settings(folder: Path, settings: Mapping[str, Any], split_digest: str) -> None:
    """Write down what a sweep runs with."""
    (folder / FOLDER).mkdir(exist_ok=True)
    with aside(folder / FOLDER / SETTINGS) as part:
        part.write_text(sealed({**settings, "split_digest": split_digest}), encoding="utf-8")


def nothing_was_run(folder: Path) -> bool:
    """Return whether a sweep was killed between making its folder and writing down what it runs with."""
    return not any((folder / name).exists() for name in (f"{FOLDER}/{SETTINGS}", RAY_FOLDER, EPOCHS))


def check_settings(folder: Path, settings: Mapping[str, Any], split_digest: str) -> None:
    """Compare what a sweep is to go on with to what it ran with.

    Raises:
        InputError: they differ, the images or weights do, or the journal is gone.
    """
    path = folder / FOLDER / SETTINGS
    try:
        before = read_sealed(path)
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({error}), so there is nothing to go on from; the tables stand: run the sweep again"
        raise InputError(str(path), [problem]) from error
    now = json.loads(json.dumps({**settings, "split_digest": split_digest}))
    then, contents = before.pop("contents", {}), now.pop("contents", {})
    remedy = "restore them, or run a sweep of another --name"
    changes = {key: change for key, change in differences(before, now).items() if not may_differ(key)}
    problems = [f"cannot go on with other settings ({as_text(changes)}); {remedy}"] if changes else []
    problems += [
        f"{_CONTENTS[key]} holds other {key} than the sweep began with; {remedy}"
        for key in _CONTENTS
        if key in then and key in contents and then[key] != contents[key]
    ]
    if problems:
        raise InputError(str(folder), problems)
    if contents and not then:  # a run of before they were written down: from here on they stand
        keep_settings(folder, settings, split_digest)
