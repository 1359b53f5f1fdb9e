"""A study's figures beside a paper's: each run, ours with its interval, and in what the settings differ."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from rich.table import Table
from rich.text import Text

from tuning.config import Sweep, load_sweep
from tuning.differences import as_text, differences
from tuning.ending import Ending, read_ending
from tuning.files import write_table
from tuning.hyperparameters import column
from tuning.intervals import wilson
from tuning.results import STUDY, load, over_seeds
from tuning.scale import shown
from tuning.space import trial_specs
from tuning.study_file import Figure, Member, Study
from tuning.sweep_file import SWEEP_FILE, read_sweep_file
from tuning.wording import percent

FIELDS = [
    ("study", pa.string()),
    ("scale", pa.string()),
    ("run", pa.string()),
    ("sweep", pa.string()),
    ("trial", pa.int32()),
    ("config_lr", pa.float64()),
    ("config_step_size", pa.int32()),
    ("paper_val_accuracy", pa.float64()),
    ("paper_epoch", pa.int32()),
    ("paper_stopped", pa.string()),
    ("paper_test_accuracy", pa.float64()),
    ("val_accuracy", pa.float64()),
    ("val_low", pa.float64()),
    ("val_high", pa.float64()),
    ("epoch", pa.int32()),
    ("epochs_run", pa.int32()),
    ("outcome", pa.string()),
    ("stop_reason", pa.string()),
    ("test_accuracy", pa.float64()),
    ("test_low", pa.float64()),
    ("test_high", pa.float64()),
    ("test_mean_class_accuracy", pa.float64()),
    ("test_std", pa.float64()),
    ("seeds", pa.int32()),
    ("differs", pa.string()),
]

_ELSEWHERE = (
    "name",
    "storage",
    "scale",
    "data.root",
    "resources",
    "faults",
    "track",
    "s3",
    "search",
)
"""Settings that say where and how a sweep runs, not what it computes; points are compared by run."""
_MUST = ("data.root", "model.arch", "search.points", "search.grid")
"""Settings without which there is no sweep, or one of the last two, but for its name; and their sections."""


def write_study(study: Study) -> None:
    """Write `study.parquet`, of the sweeps that have ended: a row a figure of the paper, and one for each winner that has none."""
    rows: list[dict[str, Any]] = []
    for member in study.members:
        ending = read_ending(member.folder)
        if ending is None:
            continue
        figures = [figure for figure in study.figures if figure.sweep == member.name]
        frames, differs = load(member.folder), _differs(member)
        of_sweep = {"study": study.name, "scale": study.scale, "differs": differs}
        found = [_papers(figure) | _ours(figure, ending, frames.trials, frames.test) for figure in figures]
        if not found or (
            ending.winner is not None and all(row.get("trial") != ending.winner for row in found)
        ):
            run = f"{member.name}, our winner" if found else member.name
            figure = Figure(run=run, sweep=member.name)
            found.append(_papers(figure) | _ours(figure, ending, frames.trials, frames.test))
        rows += [of_sweep | row for row in found]
    study.folder.mkdir(parents=True, exist_ok=True)
    write_table(study.folder / STUDY, rows, FIELDS)


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `study.parquet`'s rows as text under headings: the paper's figures, then ours."""
    scale = rows["scale"].dropna().unique()
    ours = f"ours ({scale[0]})" if len(scale) else "ours"
    return pd.DataFrame(
        {
            "run": row["run"],
            "paper: validation": _at(row["paper_val_accuracy"], row["paper_epoch"]),
            "paper: stopped": _said(row["paper_stopped"]),
            "paper: test": _share(row["paper_test_accuracy"]),
            f"{ours}: pair": _pair(row),
            f"{ours}: validation": _at(row["val_accuracy"], row["epoch"]),
            "validation, 95 % interval (Wilson)": _from_to(row["val_low"], row["val_high"]),
            f"{ours}: ended": _ended(row),
            "why": _said(row["stop_reason"]),
            f"{ours}: test": _tested(row),
            "test, 95 % interval (Wilson)": _from_to(row["test_low"], row["test_high"]),
            f"{ours}: mean per class": _share(row["test_mean_class_accuracy"]),
        }
        for row in rows.to_dict("records")
    )


def study_table(rows: pd.DataFrame) -> Table:
    """Return `study.parquet`'s rows as a table for a terminal."""
    cells = readable(rows)
    table = Table(*cells.columns, box=None, pad_edge=False)
    for row in cells.itertuples(index=False):
        table.add_row(*map(Text, row))
    return table


def study_notes(rows: pd.DataFrame) -> list[str]:
    """Return in what the settings of sweeps differ from their files', a line a difference."""
    changed = rows[rows["differs"] != ""]
    by_difference = changed.groupby("differs", sort=False)["sweep"].unique()
    return [f"{', '.join(sweeps)}: {differs}" for differs, sweeps in by_difference.items()]


def _papers(figure: Figure) -> dict[str, Any]:
    return {
        "run": figure.run,
        "sweep": figure.sweep,
        "paper_val_accuracy": figure.val_accuracy,
        "paper_epoch": figure.epoch,
        "paper_stopped": figure.stopped,
        "paper_test_accuracy": figure.test_accuracy,
    }


def _ours(
    figure: Figure, ending: Ending, trials: pd.DataFrame | None, test: pd.DataFrame | None
) -> dict[str, Any]:
    if trials is None:
        return {}
    index = ending.winner if figure.point is None else _trial(trials, figure.point)
    if index is None:
        return {}
    row = trials.set_index("trial").loc[index].to_dict()
    ours: dict[str, Any] = {"trial": index}
    names = ("config_lr", "config_step_size", "epochs_run", "outcome", "stop_reason")
    ours |= {name: row[name] for name in names}
    if not pd.isna(row["best_val_accuracy"]):
        accuracy = float(row["best_val_accuracy"])
        low, high = wilson(accuracy, ending.val_images)
        ours |= {"val_accuracy": accuracy, "epoch": int(row["best_epoch"]), "val_low": low, "val_high": high}
    test = (
        None if test is None else test[test["trial"] == index]
    )  # another's stands until the winner's is there
    if test is not None and len(test) and index == ending.winner:
        accuracy, std = over_seeds(test["test_accuracy"].tolist())
        low, high = wilson(accuracy, ending.test_images)
        ours |= {"test_accuracy": accuracy, "test_low": low, "test_high": high, "seeds": len(test)}
        ours["test_mean_class_accuracy"] = float(test["test_mean_class_accuracy"].mean())
        ours["test_std"] = std
    return ours


def _trial(trials: pd.DataFrame, point: Mapping[str, Any]) -> int | None:
    """Return the trial that has these hyperparameters."""
    for row in trials.to_dict("records"):
        if all(_is(row[column(name)], value) for name, value in point.items()):
            return int(row["trial"])
    return None


def _is(found: Any, value: Any) -> bool:
    return bool(pd.isna(found)) if value is None else bool(found == value)


def _differs(member: Member) -> str:
    """Return in what a sweep that ran differs from its file and from what makes it this sweep."""
    meant = _resolved(load_sweep(member.file, _needed(member) + member.own, {"name": member.name}))
    changes = differences(meant, _resolved(load_sweep(member.folder / SWEEP_FILE)))
    return as_text(
        {key: change for key, change in changes.items() if not any(_is_in(key, name) for name in _ELSEWHERE)}
    )


def _needed(member: Member) -> list[str]:
    """Return the overrides of all sweeps that give what a sweep must have and its file lacks: no difference to the file."""
    values = read_sweep_file(member.file).values
    sections = {key.partition(".")[0] for key in _MUST}

    def needed(key: str) -> bool:
        section = key.partition(".")[0]
        return (section in sections and not _has(values, section)) or (key in _MUST and not _has(values, key))

    return [one for one in member.general if needed(one.partition("=")[0].strip())]


def _has(values: Any, key: str) -> bool:
    for part in key.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _resolved(sweep: Sweep) -> dict[str, Any]:
    """Return a sweep's settings with the transform that `auto` stands for, as a sweep that ran has it."""
    settings = sweep.model_dump()
    settings["data"]["transform"] = trial_specs(sweep)[0].recipe.transform
    return settings


def _is_in(key: str, section: str) -> bool:
    return key == section or key.startswith(f"{section}.")


def _at(accuracy: float | None, epoch: float | None) -> str:
    at = "" if epoch is None or pd.isna(epoch) else f"at {int(epoch)}"
    return f"{_share(accuracy)} {at}".strip()


def _pair(row: Mapping[Hashable, Any]) -> str:
    """Return the learning rate and step size of our trial, which another sweep may have handed to it."""
    if pd.isna(row["config_lr"]):
        return ""
    return f"{shown(row['config_lr'])}, {int(row['config_step_size'])}"


def _ended(row: Mapping[Hashable, Any]) -> str:
    if pd.isna(row["epochs_run"]):
        return ""
    return f"{row['outcome']} at {int(row['epochs_run'])}"


def _tested(row: Mapping[Hashable, Any]) -> str:
    if pd.isna(row["test_accuracy"]):
        return ""
    std = "" if pd.isna(row["test_std"]) else f" ± {percent(row['test_std'])} (n = {int(row['seeds'])})"
    return percent(row["test_accuracy"]) + std


def _said(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _share(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else percent(value)


def _from_to(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{percent(low)} to {percent(high)}"
