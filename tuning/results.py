"""The Parquet tables of a sweep: explicit schemas, written aside and renamed, read back as dataframes."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data_utils.errors import InputError
from trainables.metrics import PROFILE

if TYPE_CHECKING:  # reading results needs neither Ray nor PyTorch, and starts in a fraction of their time
    from tuning.bench import Measure
    from tuning.records import EpochRow, TrialRow
    from tuning.retrain import Retrained
    from tuning.space import TrialSpec

EPOCHS, TRIALS, TEST, PREDICTIONS = (
    f"{name}.parquet" for name in ("epochs", "trials", "test", "predictions")
)
SKIPPED = "skipped.parquet"

TOP = 5
"""How many classes a prediction names, at most."""

_Fields = list[tuple[str, pa.DataType]]

_EPOCH_FIELDS: _Fields = [
    ("sweep", pa.string()),
    ("trial", pa.int32()),
    ("epoch", pa.int32()),
    ("lr", pa.float64()),
    ("train_loss", pa.float64()),
    ("val_loss", pa.float64()),
    ("val_accuracy", pa.float64()),
    ("diverged", pa.bool_()),
    ("seconds", pa.float64()),
    ("images_per_second", pa.float64()),
]
_KEY_FIELDS: _Fields = [
    ("sweep", pa.string()),
    ("trial", pa.int32()),
    ("config_lr", pa.float64()),
    ("config_step_size", pa.int32()),
    ("config_gamma", pa.float64()),
    ("config_momentum", pa.float64()),
    ("config_weight_decay", pa.float64()),
    ("config_batch_size", pa.int32()),
    ("config_arch", pa.string()),
    ("config_hidden", pa.int32()),
    ("config_init", pa.string()),
    ("config_freeze", pa.string()),
]
"""What names a trial: every hyperparameter that a sweep may search, so that sweeps can be told apart."""
_TRIAL_FIELDS: _Fields = [
    ("outcome", pa.string()),
    ("stop_reason", pa.string()),
    ("epochs_run", pa.int32()),
    ("best_epoch", pa.int32()),
    ("best_val_accuracy", pa.float64()),
    ("seconds", pa.float64()),
    *((name, pa.float64()) for name in PROFILE),
    ("seed", pa.int64()),
    ("host", pa.string()),
    ("device", pa.string()),
    ("error", pa.string()),
]
_TEST_FIELDS: _Fields = [
    ("epochs", pa.int32()),
    ("seed", pa.int64()),
    ("test_accuracy", pa.float64()),
    ("test_mean_class_accuracy", pa.float64()),
    ("test_loss", pa.float64()),
    ("train_images", pa.int32()),
    ("split_digest", pa.string()),
    ("versions", pa.string()),
]
_PREDICTION_FIELDS: _Fields = [
    ("sweep", pa.string()),
    ("seed", pa.int64()),
    ("path", pa.string()),
    ("label", pa.string()),
    ("predicted", pa.string()),
    ("probability", pa.float32()),
    ("top5", pa.list_(pa.string())),
    ("top5_probability", pa.list_(pa.float32())),
]


@dataclass(frozen=True)
class Frames:
    """The tables of one sweep or several, as dataframes; a table that no sweep has yet is None."""

    epochs: pd.DataFrame | None
    trials: pd.DataFrame | None
    test: pd.DataFrame | None
    predictions: pd.DataFrame | None


def load(path: str | Path) -> Frames:
    """Read the tables of a sweep's folder, or of all sweeps in the folders below.

    Raises:
        InputError: no such folder, no tables in it, or one that cannot be read.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise InputError(str(path), ["no such folder; give a sweep's folder, or one that holds sweeps"])
    frames = {}
    for name in (EPOCHS, TRIALS, TEST, PREDICTIONS):
        files = [root / name] if (root / name).is_file() else sorted(root.rglob(name))
        tables = [frame for file in files if len(frame := _read(file))]
        frames[name.removesuffix(".parquet")] = pd.concat(tables, ignore_index=True) if tables else None
    if all(frame is None for frame in frames.values()):
        raise InputError(
            str(path), ["holds no sweep's tables; give a sweep's folder, or one that holds sweeps"]
        )
    return Frames(**frames)


def write_epochs(folder: Path, rows: Iterable[EpochRow]) -> None:
    """Write `epochs.parquet`."""
    _write(folder / EPOCHS, [asdict(row) for row in rows], _EPOCH_FIELDS)


def write_trials(folder: Path, rows: Sequence[TrialRow]) -> None:
    """Write `trials.parquet`."""
    values = [
        {
            **vars(row),
            **row.profile,
            **_config(row.spec),
            "trial": row.spec.index,
            "outcome": str(row.outcome),
            "seed": row.spec.recipe.seed,
        }
        for row in rows
    ]
    _write(folder / TRIALS, values, [*_KEY_FIELDS, *_TRIAL_FIELDS])


def write_test(folder: Path, sweep: str, spec: TrialSpec, tested: Sequence[Retrained]) -> None:
    """Write `test.parquet`, a row a retrain."""
    values = [
        {
            "sweep": sweep,
            "trial": spec.index,
            **_config(spec),
            "epochs": one.epochs,
            "seed": one.seed,
            "test_accuracy": one.accuracy,
            "test_mean_class_accuracy": one.mean_class_accuracy,
            "test_loss": one.loss,
            "train_images": one.train_images,
            "split_digest": one.split_digest,
            "versions": json.dumps(one.versions),
        }
        for one in tested
    ]
    _write(folder / TEST, values, [*_KEY_FIELDS, *_TEST_FIELDS])


def write_predictions(folder: Path, sweep: str, tested: Sequence[Retrained]) -> None:
    """Write `predictions.parquet`, a row a test image and retrain."""
    rows = [
        row
        for one in tested
        for row in prediction_rows(sweep, one.seed, one.classes, one.paths, one.labels, one.probabilities)
    ]
    write_prediction_rows(folder / PREDICTIONS, rows)


def write_prediction_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write what `prediction_rows` gives."""
    _write(path, rows, _PREDICTION_FIELDS)


def prediction_rows(
    sweep: str,
    seed: int,
    classes: Sequence[str],
    paths: Sequence[str],
    labels: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float32],
) -> list[dict[str, Any]]:
    """Return a row an image, with the likeliest classes first; `probabilities` is (images, classes)."""
    rows = []
    for path, label, top, row in zip(paths, labels, likeliest(probabilities), probabilities, strict=True):
        names = [classes[c] for c in top]
        rows.append(
            {
                "sweep": sweep,
                "seed": seed,
                "path": path,
                "label": classes[label],
                "predicted": names[0],
                "probability": row[top[0]],
                "top5": names,
                "top5_probability": row[top],
            }
        )
    return rows


def likeliest(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return (images, at most `TOP`) places of classes, the likeliest first."""
    return (-probabilities).argsort(axis=1, kind="stable")[:, :TOP]


def write_skipped(folder: Path, sweep: str, skipped: dict[str, str]) -> None:
    """Write `skipped.parquet`, a row an image that was left out as it could not be decoded."""
    values = [{"sweep": sweep, "path": path, "reason": reason} for path, reason in skipped.items()]
    _write(folder / SKIPPED, values, [(name, pa.string()) for name in ("sweep", "path", "reason")])


def write_measures(path: Path, measures: Sequence[Measure]) -> None:
    """Write the figures of `upsweep bench`, with what they were measured on.

    Raises:
        InputError: the file cannot be written.
    """
    host = {"host": platform.node(), "processor": processor_name(), "torch": version("torch")}
    fields: _Fields = [("measure", pa.string()), *((name, pa.float64()) for name in ("value", "low", "high"))]
    fields += [("unit", pa.string()), ("n", pa.int32()), ("meaning", pa.string())]
    fields += [(name, pa.string()) for name in host]
    try:
        _write(path, [vars(measure) | host for measure in measures], fields)
    except OSError as error:
        raise InputError(str(path), [f"cannot be written ({error}); name another file with --out"]) from error


def processor_name() -> str:
    """Return what the processor calls itself."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a place to write to, and rename it to `path` at the end: a file is whole or absent."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())  # as any new file, where mkstemp's are the user's alone
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _config(spec: TrialSpec) -> dict[str, Any]:
    return {f"config_{name}": value for name, value in spec.hyperparameters.items()}


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _write(path: Path, rows: list[dict[str, Any]], fields: _Fields) -> None:
    schema = pa.schema(fields)
    table = pa.Table.from_pydict({name: [row.get(name) for row in rows] for name in schema.names}, schema)
    with aside(path) as part:
        pq.write_table(table, part)


def _read(path: Path) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise InputError(str(path), [f"cannot be read as Parquet: {error}"]) from error
    return frame
