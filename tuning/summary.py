"""The tables that a person reads at the end, and any time after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd
from rich.table import Column, Table
from rich.text import Text

from tuning.hyperparameters import columns, label, varied
from tuning.wording import percent

if TYPE_CHECKING:
    from data_utils.caches import CachedFile
    from tuning.bench_figures import Measure

ALWAYS = ("config_lr", "config_step_size")
"""Hyperparameters that are shown even if all trials share them."""


def whole(heading: str) -> Column:
    """Return a column of names, which are broken where they are too long for it, and not cut: their ends tell them apart."""
    return Column(heading, overflow="fold")


def trials_table(trials: pd.DataFrame) -> Table:
    """Return `trials.parquet`'s rows as a table: which, how it ended, how good it was."""
    differing = varied(trials)
    config = [name for name in columns(trials) if name in ALWAYS or name in differing]
    several = trials["folder"].nunique() > 1
    headings = ["trial", *map(label, config)]
    headings += ["outcome", "epochs", "best val_accuracy", "at epoch", "why it ended"]
    table = Table(*([whole("folder")] if several else []), *headings, box=None, pad_edge=False)
    for row in trials.to_dict("records"):
        cells = [row["trial"], *(row[name] for name in config), row["outcome"], row["epochs_run"]]
        cells += [
            _percent(row["best_val_accuracy"]),
            _whole(row["best_epoch"]),
            row["stop_reason"] if pd.isna(row["error"]) else row["error"],
        ]
        table.add_row(*(Text(_shown(cell)) for cell in ([row["folder"]] if several else []) + cells))
    return table


def running_table(best: pd.DataFrame) -> Table:
    """Return `analysis.running_trials` as a table; their hyperparameters are not written yet."""
    several = best["folder"].nunique() > 1
    table = Table(
        *([whole("folder")] if several else []), "trial", "val_accuracy", "at epoch", box=None, pad_edge=False
    )
    for row in best.to_dict("records"):
        cells = [row["trial"], _percent(row["val_accuracy"]), row["epoch"]]
        table.add_row(*(Text(_shown(cell)) for cell in ([row["folder"]] if several else []) + cells))
    return table


def test_table(test: pd.DataFrame) -> Table:
    """Return `test.parquet`'s rows as a table."""
    where = "folder" if test["folder"].nunique() > 1 else "sweep"
    headings = (where, "trial", "epochs", "seed", "test accuracy", "mean per class")
    table = Table(whole(where), *headings[1:], box=None, pad_edge=False)
    for row in test.to_dict("records"):
        accuracies: Sequence[str] = [
            _percent(row["test_accuracy"]),
            _percent(row["test_mean_class_accuracy"]),
        ]
        table.add_row(*(_shown(row[name]) for name in headings[:4]), *accuracies)
    return table


def measures_table(measures: Sequence[Measure]) -> Table:
    """Return the figures of `upsweep bench` as a table."""
    table = Table("measure", "median", "from", "to", "unit", "n", "what it is", box=None, pad_edge=False)
    for one in measures:
        figures = (f"{value:.3g}" for value in (one.value, one.low, one.high))
        table.add_row(one.measure, *figures, one.unit, str(one.n), Text(one.meaning))
    return table


def cache_table(files: Sequence[CachedFile]) -> Table:
    """Return what the cache holds as a table."""
    table = Table("kind", "GB", "written", "file", box=None, pad_edge=False)
    for file in files:
        written = datetime.fromtimestamp(file.written).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(file.kind, f"{file.bytes / 1e9:.2f}", written, Text(file.path.name))
    return table


def _percent(share: float) -> str:
    return "" if pd.isna(share) else percent(share)


def _whole(number: float) -> str:
    return "" if pd.isna(number) else str(int(number))


def _shown(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:g}"
    return "" if value is None else str(value)
