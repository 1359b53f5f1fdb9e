"""Intervals and differences."""

import pytest

from tuning.differences import as_text, differences
from tuning.study_table import interval


@pytest.mark.parametrize(
    ("accuracy", "images", "low", "high"),
    [
        (0.5, 100, 0.4038, 0.5962),
        (1.0, 10, 0.7225, 1.0),
        (0.0, 10, 0.0, 0.2775),
        (0.885, 2893, 0.8729, 0.8961),
    ],
)
def test_wilsons_interval(accuracy: float, images: int, low: float, high: float) -> None:
    """By hand from Wilson's formula with z = 1.96; never beyond 0 and 1."""
    assert interval(accuracy, images) == pytest.approx((low, high), abs=1e-4)


def test_differences_are_dotted() -> None:
    """What one side lacks is null there; lists and empty mappings are values."""
    before = {"a": {"b": 1, "c": [1, 2]}, "d": {}, "e": {"f": 1}}
    after = {"a": {"b": 2, "c": [1, 2]}, "d": {"g": 3}, "e": None}
    changes = differences(before, after)
    assert changes == {"a.b": (1, 2), "d": ({}, None), "d.g": (None, 3), "e.f": (1, None)}
    assert as_text({"a.b": (1, 2), "d.g": (None, 3)}) == "a.b 1 -> 2, d.g null -> 3"
