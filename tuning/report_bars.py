"""Horizontal bars of shares, one a name, with intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from tuning.intervals import Interval
from tuning.report_style import INK, PAPER, axis, figure, plain
from tuning.wording import percent

ROW = 22
"""Pixels a bar."""
LONGEST_NAME = 28
"""Characters of a name beside its bar; all of it is on hover and in the table."""


class Bar(NamedTuple):
    """A bar; all numbers are shares of 1."""

    name: str
    value: float
    interval: Interval | None
    said: str
    """What hovering says."""


def bars(rows: Sequence[Bar], title: str, *, longest: float | None = 1.0) -> go.Figure:
    """Return bars from the top down, with whiskers to the ends of the intervals.

    Args:
        title: of the axis of values.
        longest: the end of that axis; None leaves it to the values.
    """
    places = list(range(len(rows)))
    trace = go.Bar(
        x=[round(row.value, 5) for row in rows],
        y=places,
        orientation="h",
        width=0.68,
        marker={"color": "var(--bar)", "line": {"width": 1, "color": "var(--series-1)"}},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [round(row.interval.high - row.value, 5) if row.interval else None for row in rows],
            "arrayminus": [round(row.value - row.interval.low, 5) if row.interval else None for row in rows],
            "color": INK,
            "thickness": 1,
            "width": 3,
        },
        hovertext=[plain(row.said) for row in rows],
        hoverinfo="text",
    )
    values = axis(title, tickformat=".0%" if longest else ".1%", fixedrange=True)
    values |= {"range": [0, 1.01 * longest]} if longest else {"rangemode": "tozero", "nticks": 6}
    names = axis(
        tickmode="array",
        tickvals=places,
        ticktext=[plain(row.name, LONGEST_NAME) for row in rows],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        fixedrange=True,
        ticks="outside",
        ticklen=4,
        tickcolor=PAPER,
    )
    margin = {"l": 8, "r": 24, "t": 8, "b": 44}
    return figure([trace], ROW * len(rows) + 76, xaxis=values, yaxis=names, margin=margin, dragmode=False)


def interval_said(interval: Interval) -> str:
    """Return `93.99 % to 97.31 %`, which stays on one line."""
    return f"{percent(interval.low)} to {percent(interval.high)}".replace(" ", "\u00a0")
