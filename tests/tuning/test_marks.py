"""What was found out is read again under the same, and nothing else is."""

import logging
from pathlib import Path

import pytest

from data_utils.caches import marks_folder
from tuning.marks import mark, marked, state_of


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep these marks apart."""
    monkeypatch.setenv("UPSWEEP_CACHE", str(tmp_path / "cache"))


def test_a_mark_is_found_under_the_same_alone() -> None:
    """Whatever the order of its parts; marked anew it is the last that counts."""
    assert marked({"a": 1, "b": [2]}) == {}
    mark({"a": 1, "b": [2]}, {"found": "x"})
    mark({"a": 1}, {"found": "y"})
    assert marked({"b": [2], "a": 1}) == {"found": "x"}
    assert marked({"a": 1, "b": [3]}) == {}
    mark({"a": 1}, {"found": "z"})
    assert marked({"a": 1}) == {"found": "z"}


def test_a_cache_that_cannot_be_written_is_told_of_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    """The sweep goes on: what would be marked is found out again."""
    marks_folder().parent.mkdir()
    marks_folder().write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        mark({"a": 1}, {"found": "x"})
    assert str(marks_folder()) in caplog.text
    assert marked({"a": 1}) == {}


def test_another_file_of_the_same_size_is_told(tmp_path: Path) -> None:
    """Even where its time is that of the one before."""
    file = tmp_path / "weights"
    file.write_bytes(b"one")
    before = state_of(str(file))
    assert state_of(str(file)) == before
    other = tmp_path / "other"
    other.write_bytes(b"two")
    other.replace(file)
    assert state_of(str(file)) != before
