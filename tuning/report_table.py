"""A table as a page shows it: cells of text that know how to sort."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from tuning.wording import percent


class Cell(NamedTuple):
    """A cell."""

    text: str
    sort: float | str | None = None
    """What it is sorted by; None sorts last."""
    link: str | None = None
    """A relative address."""


@dataclass(frozen=True)
class Table:
    """A table with a caption, a heading a column, and a row's name in its first cell."""

    caption: str
    headings: Sequence[str]
    rows: list[list[Cell]]
    sortable: bool = False
    marked: frozenset[int] = field(default_factory=frozenset)
    """Places of the rows that stand out; their first cells say why."""

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold numbers, and are set to the right."""
        return [
            any(isinstance(row[i].sort, float) for row in self.rows)
            and not any(isinstance(row[i].sort, str) for row in self.rows)
            for i in range(len(self.headings))
        ]


def text(value: Any, link: str | None = None) -> Cell:
    """Return a cell of words; null is empty."""
    said = "" if _null(value) else str(value)
    return Cell(said, said.casefold() or None, link)


def number(value: Any, form: str = "g") -> Cell:
    """Return a cell of a number; null is empty."""
    return Cell("") if _null(value) else Cell(format(value, form), float(value))


def share(value: Any) -> Cell:
    """Return a cell of a share of 1, in percent; null is empty."""
    return Cell("") if _null(value) else Cell(percent(float(value)), float(value))


def frame_table(frame: pd.DataFrame, caption: str) -> Table:
    """Return any dataframe as a table: `accuracy` columns of numbers in percent, nulls empty, all else as it is."""
    columns = [_cells(str(name), frame[name].tolist()) for name in frame]
    return Table(
        caption,
        [str(name).replace("_", " ") for name in frame],
        [list(row) for row in zip(*columns, strict=True)],
        sortable=True,
    )


def _cells(name: str, values: Iterable[Any]) -> list[Cell]:
    is_share = "accuracy" in name.lower()
    return [
        text(value)
        if isinstance(value, bool | str) or not isinstance(value, int | float)
        else share(value)
        if is_share and isinstance(value, float)
        else number(value, "d" if isinstance(value, int) else ".5g")
        for value in values
    ]


def _null(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))
