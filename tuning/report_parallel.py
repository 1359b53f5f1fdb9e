"""Parallel coordinates: each trial a line through its hyperparameters to its best validation accuracy."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from tuning.hyperparameters import label
from tuning.report_style import INK, MUTED, OTHERS, Plot, Style, axis, figure, plain
from tuning.scale import Scale, Tick, shown
from tuning.wording import percent

HEIGHT = 380
AXIS_WIDTH = 116
"""Pixels that an axis and its labels need."""
NO_ACCURACY = -0.14
"""Where, below the accuracies, the lines of trials without one end."""
LONGEST_TICK = 14


def parallel(trials: pd.DataFrame, names: Sequence[str], styles: dict[int, Style]) -> Plot:
    """Return the plot of the hyperparameters `names`; drawn as plain lines, so that it prints and needs no WebGL.

    Args:
        trials: rows of `trials.parquet`.
        names: columns that vary.
    """
    scales = [Scale.of(trials[name].tolist()) for name in names]
    accuracies = trials["best_val_accuracy"]
    known = accuracies.dropna()
    heights = dict(zip(known.index, _heights(known), strict=True))
    ends = [heights.get(index, NO_ACCURACY) for index in trials.index]
    ticks = [Tick(tick.position, percent(float(tick.text))) for tick in _accuracy_ticks(known)]
    if len(known) < len(trials):
        ticks.insert(0, Tick(NO_ACCURACY, "none"))
    lines = list(zip(*(scale.positions for scale in scales), ends, strict=True))
    rows = trials.to_dict("records")
    places = {int(row["trial"]): i for i, row in enumerate(rows)}
    traces = []
    groups = [([trial for trial in places if trial not in styles], OTHERS, "others")]
    groups += [([trial], styles[trial], str(trial)) for trial in reversed(styles) if trial in places]
    for members, style, name in groups:
        if members:
            drawn = [(lines[places[trial]], _said(rows[places[trial]], names)) for trial in members]
            traces.append(_lines(drawn, style, name))
    titles = [*(label(name) for name in names), "best accuracy"]
    return Plot(
        "parallel",
        "Hyperparameters and best validation accuracy",
        f"Each line is a trial, from {', '.join(titles[:-1])} to its best validation accuracy.",
        figure(traces, HEIGHT, **_axes(titles, [*(scale.ticks for scale in scales), ticks])),
        least_width=AXIS_WIDTH * len(titles),
    )


def _heights(known: pd.Series) -> list[float]:
    """Return where accuracies lie between the least and the best: linearly, as their marks do, whatever they span."""
    low, high = known.min(), known.max()
    return [0.5 if low == high else float((value - low) / (high - low)) for value in known]


def _accuracy_ticks(known: pd.Series) -> list[Tick]:
    """Return marks at even steps from the least accuracy to the best; each text is the share itself."""
    if not len(known):
        return []
    low, high = float(known.min()), float(known.max())
    if low == high:
        return [Tick(0.5, repr(low))]
    return [Tick(step / 4, repr(low + (high - low) * step / 4)) for step in range(5)]


def _lines(drawn: Sequence[tuple[Sequence[float], str]], style: Style, name: str) -> go.Scatter:
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    for line, said in drawn:
        x += [*range(len(line)), None]
        y += [*(round(height, 4) for height in line), None]
        texts += [said] * (len(line) + 1)
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        hovertext=texts,
        hoverinfo="text",
        cliponaxis=False,
        line={"color": style.color, "dash": style.dash, "width": style.width},
        marker={"color": style.color, "symbol": style.symbol, "size": 4 if style is OTHERS else 8},
        meta=name,
        name=name,
    )


def _axes(titles: Sequence[str], ticks: Sequence[Sequence[Tick]]) -> dict[str, Any]:
    """Return a layout of upright axes at 0, 1, 2, ..., each with its title above and its marks at its right."""
    shapes, annotations = [], []
    for place, (title, marks) in enumerate(zip(titles, ticks, strict=True)):
        shapes.append(
            {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": {"color": MUTED, "width": 1}}
        )
        annotations.append(
            {"x": place, "y": 1.07, "text": f"<b>{plain(title, LONGEST_TICK)}</b>", "xanchor": "center"}
            | {"yanchor": "bottom", "showarrow": False, "font": {"color": INK, "size": 13}}
        )
        annotations += [
            {"x": place, "y": mark.position, "text": plain(mark.text, LONGEST_TICK), "xanchor": "left"}
            | {"yanchor": "middle", "xshift": 7, "showarrow": False, "bgcolor": "var(--paper-thin)"}
            | {"font": {"color": MUTED, "size": 12}, "borderpad": 1}
            for mark in marks
        ]
    hidden: dict[str, Any] = {
        "showgrid": False,
        "showticklabels": False,
        "fixedrange": True,
        "showline": False,
    }
    lowest = min([0.0, *(mark.position for marks in ticks for mark in marks)])
    return {
        "shapes": shapes,
        "annotations": annotations,
        "xaxis": axis(range=[-0.25, len(titles) - 0.35], **hidden),
        "yaxis": axis(range=[lowest - 0.06, 1.2], **hidden),
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "dragmode": False,
    }


def _said(row: dict[Any, Any], names: Sequence[str]) -> str:
    values = [f"{label(name)} {plain(shown(row[name]) or 'none')}" for name in names]
    best = row["best_val_accuracy"]
    accuracy = "no accuracy" if pd.isna(best) else f"best {percent(best)} at epoch {int(row['best_epoch'])}"
    return "<br>".join([f"<b>trial {row['trial']}</b>", *values, accuracy])
