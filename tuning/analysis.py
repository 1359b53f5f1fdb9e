"""Questions to the tables, answered as dataframes.

What takes `Frames` reads of their files what has not been read yet. Trials are told apart by `folder` and `trial`, since
sweeps of several folders may have one name; a trial, or an epoch, that is there twice raises InputError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from data_utils.errors import InputError
from trainables.metrics import TRAIN_LOSS, VAL_ACCURACY, VAL_LOSS
from tuning.criteria import Up, stopping_epoch
from tuning.frames import Frames
from tuning.hyperparameters import columns
from tuning.winning import Rank, can_win, rank

CURVES = (TRAIN_LOSS, VAL_LOSS, VAL_ACCURACY)
"""The metrics whose curves are looked at first."""

_TRIAL = ["folder", "trial"]


def best_trials(frames: Frames) -> pd.DataFrame:
    """Return the winner of each sweep, as a row of `trials` with all its columns.

    It is the trial that the sweep itself retrains; `tuning.winning` has the rule. A sweep without a winner has no row.
    """
    trials = _rows(frames, "trials", _TRIAL)
    names = ("sweep", "folder", "outcome", "best_val_accuracy", "best_epoch", "trial")
    best: dict[tuple[str, str], tuple[Rank, int]] = {}
    for place, row in enumerate(zip(*(trials[name] for name in names), strict=True)):
        sweep, folder, outcome, accuracy, epoch, trial = row
        if can_win(outcome, accuracy):
            ranked = (rank(accuracy, epoch, trial), place)
            best[sweep, folder] = min(ranked, best.get((sweep, folder), ranked))
    return trials.iloc[[best[key][1] for key in sorted(best)]].reset_index(drop=True)


def best_epochs(frames: Frames) -> pd.DataFrame:
    """Return each trial's epoch of highest validation accuracy, the earliest of equals.

    A row of `epochs` with the trial's `config_*` and `seed`, which are null until the sweep has written its trials. A trial
    without any accuracy has no row.
    """
    epochs = _rows(frames, "epochs", [*_TRIAL, "epoch"])
    order = {"sweep": True, "folder": True, "trial": True, VAL_ACCURACY: False, "epoch": True}
    ranked = epochs.dropna(subset=[VAL_ACCURACY]).sort_values(list(order), ascending=list(order.values()))
    return _with_config(frames, ranked.drop_duplicates(_TRIAL, ignore_index=True))


def running_trials(frames: Frames) -> pd.DataFrame:
    """Return the rows of `best_epochs` whose trials have not ended: those have no row in `trials` yet."""
    best, trials = best_epochs(frames), frames.read("trials", columns=_TRIAL)
    ended = set(zip(*(trials[name] for name in _TRIAL), strict=True))
    return best[[key not in ended for key in zip(*(best[name] for name in _TRIAL), strict=True)]]


def learning_curves(frames: Frames, metrics: Sequence[str] = CURVES) -> pd.DataFrame:
    """Return curves in long form, for plotting: `sweep, trial, config_*, seed, folder, epoch, metric, value`.

    Args:
        metrics: columns of `epochs`. A value that was not finite stays in as null, a gap in the curve.
    """
    epochs = _rows(frames, "epochs", [*_TRIAL, "epoch"])
    if unknown := [name for name in metrics if name not in epochs.columns]:
        problem = f"no such column of epochs: {', '.join(unknown)}; there are {', '.join(epochs.columns)}"
        raise InputError("metrics", [problem])
    long = epochs.melt(["sweep", *_TRIAL, "epoch"], list(metrics), var_name="metric", value_name="value")
    return _with_config(frames, long)


def confusion_matrix(predictions: pd.DataFrame, classes: Sequence[str] | None = None) -> pd.DataFrame:
    """Return how many test images of each class (rows) were taken for which (columns).

    An image counts once a retrain: choose a sweep and a seed first if there are several.

    Args:
        classes: their order, and those that no image shows; by default all that are labels or predictions, sorted.
    """
    label, predicted = predictions["label"], predictions["predicted"]
    if classes is None:
        classes = sorted({*label, *predicted})
    counts = pd.crosstab(label, predicted)
    return counts.reindex(index=list(classes), columns=list(classes), fill_value=0).rename_axis(
        index="label", columns="predicted"
    )


def class_accuracy(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return `accuracy` (0 to 1) and `images` of each class that has any, indexed by `label`; counted as above."""
    right = predictions["predicted"] == predictions["label"]
    by_class = right.groupby(predictions["label"])
    return pd.DataFrame({"accuracy": by_class.mean(), "images": by_class.size()})


def replay_up(
    epochs: pd.DataFrame,
    strip_length: int = 5,
    successive: int = 5,
    ties: Literal["stop", "reset"] = "stop",
) -> pd.DataFrame:
    """Return what UP with these parameters would have saved and lost, a row a trial of recorded `epochs`.

    A curve tells nothing of the epochs beyond its end. Where UP ended it already, a more patient rule may have stopped
    it later or never; both count as no stop here, with nothing saved or lost. So replay on curves recorded with
    `stop.up: null`, or ask for less patience than they were recorded with.

    Columns: `folder`, if the epochs have it, `sweep, trial`; the parameters; `epochs_run` as recorded; `stop_epoch`, null if the rule does not fire;
    `epochs_saved`, those after it on this curve, so that epochs which trials share count for each; `best_val_accuracy` until then; `accuracy_lost` against the best recorded, null if
    there was none until then.

    Raises:
        InputError: a trial lacks some of its epochs, or has some twice.
    """
    up = Up(strip_length, successive, ties=ties)
    names = [name for name in ("folder", "sweep", "trial") if name in epochs]
    rows = []
    for key, curve in epochs.sort_values("epoch").groupby(names):
        run = len(curve)
        if curve["epoch"].tolist() != list(range(1, run + 1)):
            problem = f"must have epochs 1 to {curve['epoch'].max()} once each for the rule; give all, of one {key[-2]}"
            raise InputError(f"sweep {key[-2]}, trial {key[-1]}", [problem])
        stop = stopping_epoch(up, curve[VAL_ACCURACY])
        kept = curve[VAL_ACCURACY].head(stop or run).max()
        lost = curve[VAL_ACCURACY].max() - kept
        rows.append((*key, strip_length, successive, ties, run, stop, run - (stop or run), kept, lost))
    names += ["strip_length", "successive", "ties", "epochs_run", "stop_epoch", "epochs_saved"]
    table = pd.DataFrame(rows, columns=[*names, "best_val_accuracy", "accuracy_lost"])
    return table.astype({"stop_epoch": "Int64"})


def _rows(frames: Frames, table: Literal["epochs", "trials"], key: list[str]) -> pd.DataFrame:
    """Return a table, or one without rows; each key once, as one that means two rows makes nonsense of the rest."""
    whole = frames.epochs if table == "epochs" else frames.trials
    rows = frames.read(table) if whole is None else whole
    if twice := rows.loc[rows.duplicated(key), "folder"].unique().tolist():
        problem = f"{table}.parquet has rows twice, of the same {' and '.join(key[1:])}; restore it"
        raise InputError(f"folder {', '.join(twice)}", [problem])
    return rows


def _with_config(frames: Frames, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with their trials' `config_*` and `seed` after `sweep` and `trial`."""
    trials = _rows(frames, "trials", _TRIAL)
    config = columns(trials)
    known = trials[[*_TRIAL, *config]]
    # A trial without a row yet has null; among whole numbers it would make floats of them, and equals of great seeds.
    whole = {name: "Int64" for name in config if pd.api.types.is_integer_dtype(known[name])}
    joined = rows.merge(known.astype(whole), on=_TRIAL, how="left")
    joined = joined.astype({name: known[name].dtype for name in whole if joined[name].notna().all()})
    first = ["sweep", "trial", *config]
    return joined[[*first, *(name for name in rows.columns if name not in first)]]
