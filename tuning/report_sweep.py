"""What goes into the report of one sweep, in the order in which it is read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from tuning.confusion import class_accuracies, confused_pairs
from tuning.ending import read_ending
from tuning.hyperparameters import varied
from tuning.importance import Importance, importance
from tuning.report_curves import curves, curves_table
from tuning.report_examples import Confusions
from tuning.report_parallel import parallel
from tuning.report_plots import class_plots, class_table, importance_plot
from tuning.report_style import Plot, Style, styles
from tuning.report_summary import Tile, facts_table, lead, notes, seeds_table, sweep_name, tiles
from tuning.report_table import Table
from tuning.report_time import time_plot
from tuning.report_trials import Key, end_keys, own_test, ranked, still_running, trial_keys, trials_table
from tuning.results import load
from tuning.sweep_file import SWEEP_FILE, read_sweep_file
from tuning.thumbnails import thumbnails

PAIRS, EXAMPLES = 12, 4
"""Most confused pairs, and images of each, at most."""


@dataclass(frozen=True)
class SweepPage:
    """A sweep's report; a part without rows is None or empty, and left out."""

    name: str
    lead: str
    notes: list[str] = field(default_factory=list)
    """What is missing or went wrong."""
    tiles: list[Tile] = field(default_factory=list)
    seeds: Table | None = None
    keys: list[Key] = field(default_factory=list)
    """Of the trials in the plots."""
    ends: list[Key] = field(default_factory=list)
    curves: list[Plot] = field(default_factory=list)
    curves_table: Table | None = None
    trials: Table | None = None
    parallel: Plot | None = None
    importance: Importance | None = None
    importance_plot: Plot | None = None
    classes: list[Plot] = field(default_factory=list)
    class_table: Table | None = None
    confusions: Confusions | None = None
    time: Plot | None = None
    facts: Table | None = None
    settings: str = ""

    @property
    def plots(self) -> list[Plot]:
        """Every plot of the page."""
        single = [self.parallel, self.importance_plot, self.time]
        return [*self.curves, *self.classes, *(plot for plot in single if plot)]


def sweep_page(folder: Path) -> SweepPage:
    """Return the report of a sweep's folder, from its tables, `sweep.yaml` and `ended.json` alone.

    Raises:
        InputError: no tables, or a file that cannot be read.
    """
    frames, ending = own_test(load(folder)), read_ending(folder)
    ended = ending is not None
    file = folder / SWEEP_FILE
    settings = read_sweep_file(file).values if file.is_file() else {}
    parts: dict[str, Any] = {}
    running = [] if ended or frames.epochs is None else still_running(frames)
    if frames.trials is not None:
        parts |= _trial_parts(frames.trials, frames.epochs, running)
    elif frames.epochs is not None:
        parts |= _running_parts(frames.epochs, frames.read("trials"), running)
    if frames.predictions is not None:
        parts |= _class_parts(frames.predictions, settings)
    return SweepPage(
        name=sweep_name(frames, folder),
        lead=lead(frames, running, ended=ended),
        notes=notes(frames, settings, ended=ended),
        tiles=tiles(frames, running),
        seeds=seeds_table(frames),
        facts=facts_table(frames, ending),
        settings=file.read_text(encoding="utf-8") if settings else "",
        **parts,
    )


def _trial_parts(
    trials: pd.DataFrame, epochs: pd.DataFrame | None, running: list[dict[Any, Any]]
) -> dict[str, Any]:
    looks: dict[int, Style] = styles(ranked(trials, running))
    names = varied(trials)
    found = importance(trials[names], trials["best_val_accuracy"]) if names else None
    return {
        "keys": trial_keys(trials, looks, names, running, _silent(epochs, trials, running)),
        "ends": end_keys(trials),
        "curves": curves(epochs, trials, looks) if epochs is not None else [],
        "curves_table": curves_table(epochs) if epochs is not None else None,
        "trials": trials_table(trials, names),
        "parallel": parallel(trials, names, looks) if names else None,
        "importance": found,
        "importance_plot": importance_plot(found) if found else None,
        "time": time_plot(trials),
    }


def _silent(epochs: pd.DataFrame | None, trials: pd.DataFrame, running: list[dict[Any, Any]]) -> int:
    """Return how many trials run that have no accuracy so far."""
    return 0 if epochs is None else len(set(epochs["trial"]) - set(trials["trial"])) - len(running)


def _running_parts(
    epochs: pd.DataFrame, none_ended: pd.DataFrame, running: list[dict[Any, Any]]
) -> dict[str, Any]:
    """Return the curves of a sweep of which no trial has ended."""
    looks = styles(ranked(none_ended, running))
    return {
        "keys": trial_keys(none_ended, looks, [], running, _silent(epochs, none_ended, running)),
        "curves": curves(epochs, none_ended, looks),
        "curves_table": curves_table(epochs),
    }


def _class_parts(predictions: pd.DataFrame, settings: dict[str, Any]) -> dict[str, Any]:
    classes = class_accuracies(predictions)
    pairs = confused_pairs(predictions, PAIRS, EXAMPLES)
    root = str((settings.get("data") or {}).get("root", ""))
    names = [example.path for pair in pairs for example in pair.examples]
    images = thumbnails(root, names) if root else {}
    return {
        "classes": class_plots(classes),
        "class_table": class_table(classes),
        "confusions": Confusions(pairs, images),
    }
