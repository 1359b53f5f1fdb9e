"""How trials and plots look: the same trial alike everywhere, told apart by more than colour.

Colours are names that the page's style sheet defines, `var(--...)`, for light, dark and paper; the page's script puts in
what they stand for.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import plotly.graph_objects as go

from tuning.report_table import Table

INK, MUTED, GRID, PAPER = (f"var(--{name})" for name in ("ink", "muted", "grid", "paper"))

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "solid")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
"""Dash and symbol of the best trials, in the order of their ranks; `series-1` and on are their colours."""

ENDS = {
    "completed": "circle-open",
    "stopped_up": "square-open",
    "diverged": "x-thin-open",
    "stopped_scheduler": "diamond-open",
    "errored": "triangle-down-open",
}
"""{outcome, as `tuning.records.Outcome` has them: the symbol of a trial's last epoch}."""


class Style(NamedTuple):
    """How a trial is drawn."""

    color: str
    dash: str
    symbol: str
    width: float


OTHERS = Style("var(--others)", "solid", "circle", 1.0)
"""How all trials but the best few are drawn."""


def styles(ranked: Sequence[int]) -> dict[int, Style]:
    """Return {trial: its own style} of the best trials, the winner's line the boldest; others have none."""
    return {
        trial: Style(f"var(--series-{rank + 1})", dash, symbol, 3.0 if rank == 0 else 2.0)
        for rank, (trial, dash, symbol) in enumerate(zip(ranked, DASHES, SYMBOLS, strict=False))
    }


class BarKey(NamedTuple):
    """What a part of a bar stands for."""

    name: str
    color: str
    pattern: str
    """As plotly has them, or `|` for a stroke."""


@dataclass(frozen=True)
class Plot:
    """A plot, and what says the same without looking at it."""

    name: str
    """Its place in the page: letters, digits and dashes."""
    title: str
    said: str
    """One or two sentences on what it shows."""
    figure: go.Figure
    table: Table | None = None
    """Its numbers; None where another table of the page has them."""
    least_width: int = 0
    """In pixels; a narrower page scrolls the plot, not itself."""
    keys: Sequence[BarKey] = ()


def figure(traces: Sequence[Any], height: int, **layout: Any) -> go.Figure:
    """Return a figure in the page's own style, `height` pixels high and as wide as it finds room."""
    base = {
        "template": "none",
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 12, "b": 48},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
        "showlegend": False,
        "hovermode": "closest",
        "hoverlabel": {
            "align": "left",
            "bgcolor": "var(--raised)",
            "bordercolor": GRID,
            "font": {"color": INK},
        },
        "dragmode": "zoom",
    }
    return go.Figure(list(traces), base | layout)


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """Return an axis in the page's own style."""
    return {
        "title": {"text": title, "font": {"size": 13, "color": MUTED}, "standoff": 10},
        "gridcolor": GRID,
        "linecolor": GRID,
        "tickfont": {"size": 12, "color": MUTED},
        "zeroline": False,
        "automargin": True,
        **more,
    }


def plain(text: object, longest: int = 0) -> str:
    """Return a user's text for plotly, which takes some HTML: nothing in it is markup.

    Args:
        longest: characters to keep, the rest as an ellipsis before the end, which often tells names apart; 0 keeps all.
    """
    said = str(text)
    if longest and len(said) > longest:
        said = f"{said[: longest // 3]}…{said[longest // 3 + 1 - longest :]}"
    return html.escape(said, quote=False)


def rounded(value: float | None) -> float | None:
    """Return a number at the five digits that a plot can show; null stays null."""
    return None if value is None or value != value else float(f"{value:.5g}")
