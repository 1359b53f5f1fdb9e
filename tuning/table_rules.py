"""What the values of a sweep's tables may be: what a damaged or foreign file holds instead is told before it is used."""

import json

import pyarrow as pa
import pyarrow.compute as pc

_ALWAYS = {
    "epochs": {"sweep", "trial", "epoch", "lr", "diverged"},
    "trials": {"sweep", "trial", "outcome", "epochs_run"},
    "test": {"sweep", "trial", "epochs", "seed", "test_accuracy", "train_images", "versions"},
    "predictions": {"sweep", "seed", "path", "label", "predicted"},
    "study": {"run", "sweep"},
}
"""{table: columns without nulls}."""

OUTCOMES = ("completed", "stopped_up", "diverged", "stopped_scheduler", "errored")
"""`tuning.records.Outcome`, without the imports that come with it."""

_FINITE = 1e300
_SHARE = (0, 1 + 1e-6)
_RANGES: dict[str, tuple[float, float]] = {
    "trial": (0, _FINITE),
    "epoch": (1, _FINITE),
    "epochs": (1, _FINITE),
    "epochs_run": (0, _FINITE),
    "best_epoch": (1, _FINITE),
    "lr": (0, _FINITE),
    "train_images": (0, _FINITE),
    "images_per_second": (0, _FINITE),
    **dict.fromkeys(("train_loss", "val_loss", "test_loss"), (-_FINITE, _FINITE)),
    **dict.fromkeys(("val_accuracy", "best_val_accuracy"), (-_FINITE, _FINITE)),
    **dict.fromkeys(("test_accuracy", "test_mean_class_accuracy"), _SHARE),
    **dict.fromkeys(("test_accuracy_mean", "test_accuracy_std", "probability"), _SHARE),
    **dict.fromkeys(("paper_val_accuracy", "paper_test_accuracy", "val_low", "val_high"), _SHARE),
    **dict.fromkeys(("test_low", "test_high", "test_std"), _SHARE),
}
"""{column: least and largest value}; a number that is not finite is in none."""


def check_values(name: str, table: pa.Table) -> None:
    """Raise ArrowInvalid for text that is none, and for values that no sweep writes into the table of this name.

    Args:
        table: some columns of it, or all.
    """
    table.validate(full=True)
    columns = set(table.column_names)
    problems = [
        f"it has rows without {column}"
        for column in table.column_names
        if column in _ALWAYS.get(name, ()) and table[column].null_count
    ]
    problems += [
        f"{column} has impossible values" for column in table.column_names if _is_off(name, table, column)
    ]
    best = [table[column].is_null() for column in ("best_epoch", "best_val_accuracy") if column in columns]
    if len(best) == 2 and not best[0].equals(best[1]):
        problems.append("best_epoch and best_val_accuracy do not go together")
    if problems:
        raise pa.ArrowInvalid("; ".join(problems))


def _is_off(name: str, table: pa.Table, column: str) -> bool:
    values = table[column]
    if column == "outcome":
        return not _all(pc.is_in(values.drop_null(), pa.array(OUTCOMES)))
    if column == "versions":
        return not all(_is_mapping(text) for text in values.unique().to_pylist() if text is not None)
    if column.startswith("seconds"):
        low, high = 0.0, _FINITE
    elif column in _RANGES:
        low, high = _RANGES[column]
    else:
        return False
    numbers = values.cast(pa.float64(), safe=False)
    return not _all(pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high)))


def _all(mask: pa.ChunkedArray) -> bool:
    return pc.all(mask).as_py() is not False


def _is_mapping(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
