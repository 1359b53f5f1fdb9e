"""Differences of settings."""

from tuning.differences import as_text, differences


def test_differences_are_dotted() -> None:
    """What one side lacks is null there; lists and empty mappings are values."""
    before = {"a": {"b": 1, "c": [1, 2]}, "d": {}, "e": {"f": 1}}
    after = {"a": {"b": 2, "c": [1, 2]}, "d": {"g": 3}, "e": None}
    changes = differences(before, after)
    assert changes == {"a.b": (1, 2), "d": ({}, None), "d.g": (None, 3), "e.f": (1, None)}
    assert as_text({"a.b": (1, 2), "d.g": (None, 3)}) == "a.b 1 -> 2, d.g null -> 3"
