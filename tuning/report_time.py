"""Where the trials' time went."""

import pandas as pd
import plotly.graph_objects as go

from trainables.metrics import (
    SECONDS_CHECKPOINT,
    SECONDS_DATA,
    SECONDS_START,
    SECONDS_TRAIN,
    SECONDS_VALIDATE,
)
from tuning.report_bars import ROW
from tuning.report_style import INK, PAPER, BarKey, Plot, axis, figure
from tuning.report_table import Table, number

MOST_TRIALS = 30
"""Trials with bars of their own, the longest; the table has all."""

PARTS = (
    (SECONDS_START, "start", "var(--series-5)", "."),
    (SECONDS_TRAIN, "train", "var(--series-1)", ""),
    (SECONDS_VALIDATE, "validate", "var(--series-2)", "/"),
    (SECONDS_CHECKPOINT, "checkpoint", "var(--series-4)", "x"),
)
"""(column, name, colour, pattern) of what a trial's seconds add up from."""


def time_plot(trials: pd.DataFrame) -> Plot:
    """Return bars of each trial's seconds by what they were spent on."""
    columns = [column for column, *_ in PARTS]
    seconds = trials.fillna(
        dict.fromkeys([*columns, SECONDS_DATA], 0.0)
    )  # a trial that failed at once has none
    total = seconds[columns].sum(axis=1)
    longest = seconds.loc[total.sort_values(ascending=False, kind="stable").index[:MOST_TRIALS]]
    shown = longest.sort_values("trial")
    places = list(range(len(shown)))
    traces = [
        go.Bar(
            x=shown[column].round(2).tolist(),
            y=places,
            orientation="h",
            name=name,
            width=0.68,
            marker={
                "color": color,
                "pattern": {
                    "shape": pattern,
                    "bgcolor": color,
                    "fgcolor": PAPER,
                    "size": 7,
                    "solidity": 0.25,
                },
            },
            hovertext=[
                f"trial {trial}: {name} {spent:.1f} s"
                for trial, spent in zip(shown["trial"], shown[column], strict=True)
            ],
            hoverinfo="text",
        )
        for column, name, color, pattern in PARTS
    ]
    waits = go.Scatter(
        x=shown[SECONDS_DATA].round(2).tolist(),
        y=places,
        mode="markers",
        name="of these, waiting for data",
        marker={"symbol": "line-ns-open", "size": 15, "color": INK, "line": {"width": 2.5}},
        hovertext=[
            f"trial {trial}: {waited:.1f} s of it waiting for data"
            for trial, waited in zip(shown["trial"], shown[SECONDS_DATA], strict=True)
        ],
        hoverinfo="text",
        cliponaxis=False,
    )
    names = axis(
        tickmode="array",
        tickvals=places,
        ticktext=[f"trial {trial}" for trial in shown["trial"]],
        range=[len(shown) - 0.4, -0.6],
        showgrid=False,
        fixedrange=True,
        ticks="outside",
        ticklen=4,
        tickcolor=PAPER,
    )
    few = f"; the {len(shown)} longest of {len(trials)} trials" if len(shown) < len(trials) else ""
    return Plot(
        "time",
        "Seconds of each trial",
        _said(trials) + few + ".",
        figure(
            [*traces, waits],
            ROW * len(shown) + 80,
            barmode="stack",
            xaxis=axis("seconds", rangemode="tozero", fixedrange=True),
            yaxis=names,
            margin={"l": 8, "r": 24, "t": 8, "b": 48},
            dragmode=False,
        ),
        time_table(trials),
        keys=[BarKey(name, color, pattern) for _, name, color, pattern in PARTS]
        + [BarKey("of these, waiting for data", INK, "|")],
    )


def time_table(trials: pd.DataFrame) -> Table:
    """Return the seconds of every trial."""
    columns = [*((column, name) for column, name, *_ in PARTS), (SECONDS_DATA, "of these, waiting for data")]
    rows = [
        [number(row["trial"], "d"), *(number(row[column], ".1f") for column, _ in columns)]
        for row in trials.to_dict("records")
    ]
    return Table("Seconds of each trial", ["trial", *(name for _, name in columns)], rows, sortable=True)


def _said(trials: pd.DataFrame) -> str:
    sums = {name: float(trials[column].sum()) for column, name, *_ in PARTS}
    total, waited = sum(sums.values()), float(trials[SECONDS_DATA].sum())
    parts = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in sums.items())
    share = f" ({100 * waited / total:.1f} %)" if total else ""
    return f"All trials: {parts}; {waited:,.1f} s{share} of it waiting for data"
