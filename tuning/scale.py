"""A hyperparameter's values along an axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

LOG_FROM = 10.0
"""Positive values whose largest is at least this many times the smallest are laid out by their logarithms."""
TICKS = 6
"""Marks on an axis of numbers, at most."""
APART = 0.06
"""Least distance between marks, of the axis, so that their labels do not meet."""


class Tick(NamedTuple):
    """A mark on an axis."""

    position: float
    text: str


@dataclass(frozen=True)
class Scale:
    """Where values lie on an axis from 0 to 1: numbers linearly or by logarithm, names evenly in sorted order."""

    positions: list[float]
    """Of the values, in their order."""
    ticks: list[Tick]

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Scale":
        """Return the scale of a column's values; null is the name `none`."""
        if all(isinstance(v, int | float) and not isinstance(v, bool) and not pd.isna(v) for v in values):
            return cls._of_numbers([float(v) for v in values])
        return cls._of_names(["none" if pd.isna(v) else shown(v) for v in values])

    @classmethod
    def _of_numbers(cls, values: list[float]) -> "Scale":
        low, high = min(values), max(values)
        log = low > 0 and high / low >= LOG_FROM

        def place(value: float) -> float:
            if low == high:
                return 0.5
            if log:
                return math.log(value / low) / math.log(high / low)
            return (value - low) / (high - low)

        marks = sorted(set(values))
        if len(marks) > TICKS:
            steps = [i / (TICKS - 1) for i in range(TICKS)]
            marks = [low + (high - low) * step for step in steps]
            if log:
                decades = [
                    10.0**n for n in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
                ]
                marks = decades if len(decades) > 1 else [low * (high / low) ** step for step in steps]
        # Of seeds and widths every digit counts.
        whole = all(float(value).is_integer() for value in values)
        if whole:
            marks = sorted({float(round(mark)) for mark in marks})
        ticks: list[Tick] = []
        for mark in marks:
            if not ticks or place(mark) - ticks[-1].position >= APART:
                ticks.append(Tick(place(mark), str(round(mark)) if whole else f"{mark:.3g}"))
        return cls([place(value) for value in values], ticks)

    @classmethod
    def _of_names(cls, names: list[str]) -> "Scale":
        order = sorted(set(names))
        places = {name: i / (len(order) - 1) if len(order) > 1 else 0.5 for i, name in enumerate(order)}
        return cls([places[name] for name in names], [Tick(places[name], name) for name in order])


def shown(value: Any) -> str:
    """Return a hyperparameter's value as a person writes it; null is empty."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
