"""The Parquet tables of a sweep: explicit schemas, written aside and renamed, read back as dataframes."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from data_utils.errors import InputError
from trainables.metrics import PROFILE
from tuning.files import Fields, write_columns, write_table
from tuning.frames import Frames, find_tables
from tuning.remote import place_given

if TYPE_CHECKING:  # reading results needs neither Ray nor PyTorch, and starts in a fraction of their time
    from tuning.bench_figures import Measure
    from tuning.records import EpochRow, TrialRow
    from tuning.retrain import Retrained
    from tuning.space import TrialSpec

EPOCHS, TRIALS, TEST, PREDICTIONS = (
    f"{name}.parquet" for name in ("epochs", "trials", "test", "predictions")
)
SKIPPED = "skipped.parquet"
STUDY = "study.parquet"

TOP = 5
"""How many classes a prediction names, at most."""

_EPOCH_FIELDS: Fields = [
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
    ("computed_by", pa.int32()),
]
_KEY_FIELDS: Fields = [
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
_TRIAL_FIELDS: Fields = [
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
_TEST_FIELDS: Fields = [
    ("epochs", pa.int32()),
    ("seed", pa.int64()),
    ("test_accuracy", pa.float64()),
    ("test_mean_class_accuracy", pa.float64()),
    ("test_loss", pa.float64()),
    ("test_accuracy_mean", pa.float64()),
    ("test_accuracy_std", pa.float64()),
    ("train_images", pa.int32()),
    ("split_digest", pa.string()),
    ("versions", pa.string()),
]
_PREDICTION_FIELDS: Fields = [
    ("sweep", pa.string()),
    ("seed", pa.int64()),
    ("path", pa.string()),
    ("label", pa.string()),
    ("predicted", pa.string()),
    ("probability", pa.float32()),
    ("top5", pa.list_(pa.string())),
    ("top5_probability", pa.list_(pa.float32())),
]


TABLES: dict[str, pa.Schema] = {
    "epochs": pa.schema(_EPOCH_FIELDS),
    "trials": pa.schema([*_KEY_FIELDS, *_TRIAL_FIELDS]),
    "test": pa.schema([*_KEY_FIELDS, *_TEST_FIELDS]),
    "predictions": pa.schema(_PREDICTION_FIELDS),
}
"""{table: the columns of its files}, whatever an older file has of them."""


class OverSeeds(NamedTuple):
    """A figure over retrains that differ in their seed alone."""

    mean: float
    std: float | None
    """Sample standard deviation (n - 1); None of a single one."""


def over_seeds(values: Sequence[float]) -> OverSeeds:
    """Return mean and standard deviation of at least one value."""
    return OverSeeds(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def load(path: str | Path, sweep: str | None = None) -> Frames:
    """Return the tables of a sweep's folder, or of all sweeps in the folders below; running ones, too.

    They are read when they are used: `load("runs").trials`, or a part of one by
    `load("runs").read("epochs", columns=["trial", "val_accuracy"], filters=[("epoch", "<=", 10)])`. Beside the columns of
    the files, `folder` is the sweep's, relative to `path`: sweeps of different folders may have the same name.

    Args:
        sweep: a glob of the names of sweeps' folders, as `alexnet-*`; files of others are never opened.

    Raises:
        InputError: no such folder, no tables in it, no sweep that matches; a single sweep's file that is no Parquet.
            Those of several are named when they are read.
    """
    files = find_tables(path, TABLES, sweep)
    frames = Frames(files, TABLES, place_given(path))
    if all(
        len(same) <= 1 for same in files.values()
    ):  # four files at most, where thousands would be read twice
        frames.check()
    return frames


def load_study_rows(folder: Path) -> pd.DataFrame | None:
    """Read `study.parquet` of a study's folder, or return None if there is none yet.

    Raises:
        InputError: it cannot be read.
    """
    path = folder / STUDY
    if not path.is_file():
        return None
    from tuning.study_table import FIELDS  # and pydantic with it, which no other table needs to be read

    return Frames({"study": [str(path)]}, {"study": pa.schema(FIELDS)}).read("study")


def write_epochs(folder: Path, rows: Iterable[EpochRow]) -> None:
    """Write `epochs.parquet`."""
    rows = list(rows)
    columns = {name: [getattr(row, name) for row in rows] for name, _ in _EPOCH_FIELDS}
    write_columns(folder / EPOCHS, columns, _EPOCH_FIELDS)  # a dictionary a row would take seconds at many


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
    write_table(folder / TRIALS, values, [*_KEY_FIELDS, *_TRIAL_FIELDS])


def write_test(folder: Path, sweep: str, spec: TrialSpec, tested: Sequence[Retrained]) -> None:
    """Write `test.parquet`, a row a retrain; the mean and standard deviation over all of them stand in each."""
    overall = over_seeds([one.accuracy for one in tested])
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
            "test_accuracy_mean": overall.mean,
            "test_accuracy_std": overall.std,
            "train_images": one.train_images,
            "split_digest": one.split_digest,
            "versions": json.dumps(one.versions),
        }
        for one in tested
    ]
    write_table(folder / TEST, values, [*_KEY_FIELDS, *_TEST_FIELDS])


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
    write_table(path, rows, _PREDICTION_FIELDS)


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
    write_table(folder / SKIPPED, values, [(name, pa.string()) for name in ("sweep", "path", "reason")])


def write_measures(path: Path, measures: Sequence[Measure]) -> None:
    """Write the figures of `upsweep bench`, with what they were measured on.

    Raises:
        InputError: the file cannot be written.
    """
    host = {"host": platform.node(), "processor": processor_name(), "torch": version("torch")}
    fields: Fields = [("measure", pa.string()), *((name, pa.float64()) for name in ("value", "low", "high"))]
    fields += [("unit", pa.string()), ("n", pa.int32()), ("meaning", pa.string())]
    fields += [(name, pa.string()) for name in host]
    try:
        write_table(path, [vars(measure) | host for measure in measures], fields)
    except OSError as error:
        raise InputError(str(path), [f"cannot be written ({error}); name another file with --out"]) from error


def processor_name() -> str:
    """Return what the processor calls itself."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.processor()


def _config(spec: TrialSpec) -> dict[str, Any]:
    return {f"config_{name}": value for name, value in spec.hyperparameters.items()}
