"""Learning curves of all trials: accuracy, losses and learning rate over epochs."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from tuning.report_style import ENDS, OTHERS, Plot, Style, axis, figure, plain, rounded
from tuning.report_table import Table, number, share
from tuning.wording import percent

HEIGHT = 320
MOST_ROWS = 1000
"""Of the curves' table; longer ones show every second epoch, or third, and so on."""
LOG_FROM = 100.0
"""Losses whose largest is at least this many times the smallest are drawn by logarithm."""


class _Panel(NamedTuple):
    """One of the plots."""

    column: str
    title: str
    form: str
    """Of a value on hover, as plotly has them."""
    axis: dict[str, Any]
    shape: str = "linear"


def curves(epochs: pd.DataFrame, trials: pd.DataFrame, styles: dict[int, Style]) -> list[Plot]:
    """Return the plots, the best trials in styles of their own and all others in gray, each trial's end marked."""
    panels = [
        _Panel("val_accuracy", "Validation accuracy", ".2%", {"tickformat": ".0%"}),
        _Panel("val_loss", "Validation loss", ".4~g", _loss_axis(epochs["val_loss"])),
        _Panel("train_loss", "Training loss", ".4~g", _loss_axis(epochs["train_loss"])),
        _Panel("lr", "Learning rate", ".4~g", _log_axis(epochs["lr"]), "hv"),
    ]
    by_trial = {int(rows["trial"].iloc[0]): rows for _, rows in epochs.groupby("trial")}
    return [_plot(panel, by_trial, trials, styles) for panel in panels]


def curves_table(epochs: pd.DataFrame) -> Table:
    """Return what the plots show; of very many epochs every n-th, and each trial's last."""
    stride = -(-len(epochs) // MOST_ROWS)
    last = epochs.groupby("trial")["epoch"].transform("max")
    shown = epochs[(epochs["epoch"] % stride == 0) | (epochs["epoch"] == last)]
    every = "every epoch" if stride == 1 else f"every {stride} epochs; epochs.parquet has all"
    rows = [
        [
            number(row["trial"], "d"),
            number(row["epoch"], "d"),
            share(row["val_accuracy"]),
            number(row["val_loss"], ".4g"),
            number(row["train_loss"], ".4g"),
            number(row["lr"]),
        ]
        for row in shown.to_dict("records")
    ]
    headings = ["trial", "epoch", "validation accuracy", "validation loss", "training loss", "learning rate"]
    return Table(f"Learning curves, {every}", headings, rows)


def _plot(
    panel: _Panel, by_trial: dict[int, pd.DataFrame], trials: pd.DataFrame, styles: dict[int, Style]
) -> Plot:
    ended = {int(row["trial"]): row for row in trials.to_dict("records")}
    traces: list[Any] = []
    groups = [([trial for trial in by_trial if trial not in styles], OTHERS, "others")]
    groups += [([trial], styles[trial], str(trial)) for trial in reversed(styles) if trial in by_trial]
    for members, style, name in groups:
        if members:
            traces.append(_lines(panel, [by_trial[trial] for trial in members], style, name))
            ends = [(by_trial[trial], ended.get(trial, {})) for trial in members]
            traces += _ends(panel, ends, style, name)
    layout = {"xaxis": axis("epoch", rangemode="tozero", showgrid=False), "yaxis": axis("", **panel.axis)}
    # What ends without a value is marked at the foot of the plot, on an axis of its own.
    foot = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    return Plot(
        f"curve-{panel.column.replace('_', '-')}",
        panel.title,
        _said(panel, list(by_trial.values())),
        figure(traces, HEIGHT, **layout, yaxis2=foot),
    )


def _said(panel: _Panel, trials: Sequence[pd.DataFrame]) -> str:
    """Return a plot's best point, or what its steps are."""
    if panel.column == "lr":
        return "A step down is where the schedule lowers it."
    known = [
        row for rows in trials for row in rows.to_dict("records") if rounded(row[panel.column]) is not None
    ]
    if not known:
        return "No trial has a value."
    is_loss = panel.column != "val_accuracy"
    best = (min if is_loss else max)(known, key=lambda row: row[panel.column])
    extreme, unit = ("Lowest", " nats an image") if is_loss else ("Highest", "")
    shown = f"{best[panel.column]:.4g}" if is_loss else percent(best[panel.column])
    where = f"trial {best['trial']} at epoch {best['epoch']}"
    return f"{extreme}: {shown}{unit}, {where}."


def _lines(panel: _Panel, trials: Sequence[pd.DataFrame], style: Style, name: str) -> go.Scatter:
    """Return one trace for several trials of one style, which a thousand trials can afford; a gap parts them."""
    x: list[int | None] = []
    y: list[float | None] = []
    names: list[str] = []
    rates: list[str] = []
    for rows in trials:
        x += [*map(int, rows["epoch"]), None]
        y += [*map(rounded, rows[panel.column]), None]
        names += [str(trial) for trial in rows["trial"]] + [""]
        rates += [f"{lr:g}" for lr in rows["lr"]] + [""]
    alone = any(len(rows) < 2 for rows in trials)
    return go.Scatter(
        x=x,
        y=y,
        text=names,
        customdata=rates,
        hovertemplate=f"trial %{{text}}, epoch %{{x}}: %{{y:{panel.form}}}<br>learning rate %{{customdata}}<extra></extra>",
        mode="lines" if style is OTHERS and not alone else "lines+markers",
        line={"color": style.color, "dash": style.dash, "width": style.width, "shape": panel.shape},
        marker={
            "color": style.color,
            "symbol": style.symbol,
            "size": 4 if style is OTHERS else 7,
            "maxdisplayed": 10,
        },
        meta=name,
        name=name,
    )


def _ends(
    panel: _Panel, ended: Sequence[tuple[pd.DataFrame, dict[Any, Any]]], style: Style, name: str
) -> list[go.Scatter]:
    """Return the marks of trials' last epochs: on their curves, and at the foot for those that end without a value."""
    traces = []
    for foot in (False, True):
        x, y, symbols, said = [], [], [], []
        for rows, trial in ended:
            value = rounded(rows[panel.column].iloc[-1])
            if (value is None) != foot or not trial:
                continue
            x.append(int(rows["epoch"].iloc[-1]))
            y.append(0.0 if value is None else value)
            symbols.append(ENDS[trial["outcome"]])
            said.append(_end_said(trial))
        if x:
            traces.append(
                go.Scatter(
                    x=x,
                    y=y,
                    yaxis="y2" if foot else "y",
                    mode="markers",
                    hovertext=said,
                    hoverinfo="text",
                    cliponaxis=False,
                    marker={
                        "symbol": symbols,
                        "size": 8 if style is OTHERS else 13,
                        "color": style.color,
                        "line": {"width": 1 if style is OTHERS else 2, "color": style.color},
                    },
                    meta=name,
                    name=name,
                )
            )
    return traces


def _end_said(trial: dict[Any, Any]) -> str:
    """Return how a trial ended, in lines short enough to hover."""
    why = trial["error"] if isinstance(trial["error"], str) else trial["stop_reason"]
    words = f"{trial['outcome']}: {why}".split() if isinstance(why, str) else [str(trial["outcome"])]
    lines = [f"trial {trial['trial']}"]
    for word in words:
        if len(lines) == 1 or len(lines[-1]) + len(word) > 50:
            lines.append(word[:80])
        else:
            lines[-1] += f" {word}"
    return "<br>".join(plain(line) for line in lines[:8])


def _log_axis(values: pd.Series) -> dict[str, Any]:
    """Return an axis over positive values with a mark at whole powers of ten, written as numbers.

    A rate that has underflowed to 0 has no place on it.
    """
    positive = values[values > 0]
    if positive.empty:
        return {"rangemode": "tozero"}
    low, high = math.floor(math.log10(positive.min())), math.ceil(math.log10(positive.max()))
    margin = 0.5 if low == high else 0.15
    marks = range(low, high + 1, 1 + (high - low) // 8)
    return {
        "type": "log",
        "range": [low - margin, high + margin],
        "tickvals": [10.0**mark for mark in marks],
        "ticktext": [f"{10.0**mark:g}" for mark in marks],
    }


def _loss_axis(losses: pd.Series) -> dict[str, Any]:
    known = losses.dropna()
    if len(known) and known.min() > 0 and known.max() / known.min() >= LOG_FROM:
        return _log_axis(known)
    return {"rangemode": "tozero"}
