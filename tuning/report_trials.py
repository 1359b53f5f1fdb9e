"""The trials of a report: their ranks, their keys to the plots, their table."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from trainables.metrics import VAL_ACCURACY
from tuning.analysis import running_trials
from tuning.frames import Frames
from tuning.hyperparameters import label
from tuning.report_style import ENDS, OTHERS, Style
from tuning.report_table import Cell, Table, number, share, text
from tuning.scale import shown
from tuning.summary import ALWAYS
from tuning.winning import Rank, can_win, rank
from tuning.wording import counted, percent

END_NAMES = {
    "completed": "completed",
    "stopped_up": "stopped by the UP rule",
    "diverged": "diverged",
    "stopped_scheduler": "ended from outside",
    "errored": "failed",
}
RUNNING = "running"
"""What stands for an outcome where there is none yet."""


class Key(NamedTuple):
    """What a line or mark of the plots stands for."""

    name: str
    """What the plots' traces call it; for a mark the outcome."""
    style: Style
    label: str
    note: str


def still_running(frames: Frames) -> list[dict[Any, Any]]:
    """Return the trials of a sweep that has not ended which have epochs and no row yet, as far as their rows are known."""
    return [
        {
            "trial": row["trial"],
            "outcome": RUNNING,
            "best_val_accuracy": row[VAL_ACCURACY],
            "best_epoch": row["epoch"],
        }
        for row in running_trials(frames).to_dict("records")
    ]


def ranked(trials: pd.DataFrame, running: Sequence[dict[Any, Any]] = ()) -> list[int]:
    """Return the trials from the winner down, as `tuning.selection.pick` has it; diverged ones and those without
    an accuracy come last."""
    rows = [*trials.to_dict("records"), *running]
    return [int(row["trial"]) for row in sorted(rows, key=_rank)]


def winner(trials: pd.DataFrame | None, running: Sequence[dict[Any, Any]] = ()) -> dict[Any, Any] | None:
    """Return the row of the best trial that did not diverge, or None without any."""
    rows = [*([] if trials is None else trials.to_dict("records")), *running]
    row = min(rows, key=_rank, default=None)
    return row if row and can_win(row["outcome"], row["best_val_accuracy"]) else None


def own_test(frames: Frames) -> Frames:
    """Return a sweep's tables, less a test of another trial than its winner, or of as many epochs as were its best before.

    Such a one stands until the winner's is there: of a resume that picked another, and has not retrained it or failed to.
    """
    best = winner(frames.trials)
    if best is None or frames.test is None:
        return frames
    if ((frames.test["trial"] == best["trial"]) & (frames.test["epochs"] == best["best_epoch"])).all():
        return frames
    return frames.without("test", "predictions")


def trial_keys(
    trials: pd.DataFrame,
    styles: dict[int, Style],
    names: Sequence[str],
    running: Sequence[dict[Any, Any]] = (),
    silent: int = 0,
) -> list[Key]:
    """Return a key for each trial with a style of its own, and one for all others.

    Args:
        silent: how many more trials run that have no accuracy so far.
    """
    notes = {int(row["trial"]): _note(row, names) for row in trials.to_dict("records")}
    for row in running:
        notes[int(row["trial"])] = f"{percent(row['best_val_accuracy'])} at epoch {row['best_epoch']}, runs"
    keys = [Key(str(trial), style, f"trial {trial}", notes[trial]) for trial, style in styles.items()]
    if rest := len(notes) + silent - len(styles):
        keys.append(Key("others", OTHERS, counted(rest, "other trial"), "all in gray; hover to tell which"))
    return keys


def end_keys(trials: pd.DataFrame) -> list[Key]:
    """Return a key for each mark of a trial's end that occurs."""
    counts = trials["outcome"].value_counts()
    return [
        Key(name, OTHERS._replace(symbol=symbol), END_NAMES[name], counted(int(counts[name]), "trial"))
        for name, symbol in ENDS.items()
        if name in counts
    ]


def trials_table(trials: pd.DataFrame, names: Sequence[str]) -> Table:
    """Return a row a trial, the winner's marked."""
    columns = list(dict.fromkeys([*ALWAYS, *names]))
    best = winner(trials)
    rows, marked = [], set()
    for place, row in enumerate(trials.to_dict("records")):
        first = number(row["trial"], "d")
        if best and row["trial"] == best["trial"]:
            marked.add(place)
            first = first._replace(text=f"{first.text} (best)")
        rows.append([first, *(_cell(row[name]) for name in columns), *_result(row)])
    headings = ["trial", *(label(name) for name in columns)]
    headings += [
        "outcome",
        "epochs",
        "best validation accuracy",
        "at epoch",
        "seconds of its epochs",
        "why it ended",
    ]
    return Table(f"All trials ({len(rows)})", headings, rows, sortable=True, marked=frozenset(marked))


def _rank(row: dict[Any, Any]) -> tuple[bool, bool, Rank]:
    best, trial = row["best_val_accuracy"], row["trial"]
    if pd.isna(best):
        return (True, True, rank(0.0, 0.0, trial))
    return (not can_win(row["outcome"], best), False, rank(best, row["best_epoch"], trial))


def _note(row: dict[Any, Any], names: Sequence[str]) -> str:
    values = [f"{label(name)} {shown(row[name]) or 'none'}" for name in names]
    best = row["best_val_accuracy"]
    ended = f"{counted(int(row['epochs_run']), 'epoch')}, {END_NAMES[row['outcome']]}"
    return ", ".join([*([] if pd.isna(best) else [percent(best)]), *values, ended])


def _cell(value: Any) -> Cell:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text(value)
    return number(value, "d" if isinstance(value, int) else "g")


def _result(row: dict[Any, Any]) -> list[Cell]:
    why = row["error"] if isinstance(row["error"], str) else row["stop_reason"]
    return [
        text(row["outcome"]),
        number(row["epochs_run"], "d"),
        share(row["best_val_accuracy"]),
        number(row["best_epoch"], ".0f"),
        number(row["seconds"], ".1f"),
        text(why),
    ]
