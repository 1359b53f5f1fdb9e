"""What no sweep writes into its tables."""

from typing import Any

import pyarrow as pa
import pytest

from tuning.records import Outcome
from tuning.results import TABLES
from tuning.table_rules import OUTCOMES, check_values


def table(name: str, **values: Any) -> pa.Table:
    """Return a row of a table's columns."""
    schema = TABLES[name]
    return pa.table(
        {column: pa.array([value], schema.field(column).type) for column, value in values.items()}
    )


def test_the_outcomes_are_the_records() -> None:
    """Spelt out, since importing them takes a second."""
    assert tuple(Outcome) == OUTCOMES


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("epochs", {"lr": None}, "it has rows without lr"),
        ("epochs", {"lr": float("nan")}, "lr has impossible values"),
        ("test", {"test_accuracy": 1.5}, "test_accuracy has impossible values"),
        ("epochs", {"seconds": -1.0}, "seconds has impossible values"),
        ("trials", {"outcome": "won"}, "outcome has impossible values"),
        ("trials", {"best_epoch": 3, "best_val_accuracy": None}, "do not go together"),
        ("test", {"versions": "{"}, "versions has impossible values"),
        ("predictions", {"path": None}, "it has rows without path"),
    ],
)
def test_impossible_values_are_named(name: str, values: dict[str, Any], said: str) -> None:
    """With their column."""
    with pytest.raises(pa.ArrowInvalid, match=said):
        check_values(name, table(name, **values))


def test_nulls_where_nothing_was_measured_are_right() -> None:
    """An epoch that diverged, a trial without any, a rate that has become zero."""
    check_values("epochs", table("epochs", lr=0.0, train_loss=None, val_accuracy=None))
    check_values("trials", table("trials", outcome="diverged", best_epoch=None, best_val_accuracy=None))
