"""Built once, whole or absent, and nothing left over."""

import threading
from pathlib import Path

import pytest

from data_utils.caches import cached, clear_cache, kept, noted
from data_utils.errors import InputError


def read(path: Path) -> str:
    """Return a file's text, which must end in a full stop."""
    text = path.read_text()
    if not text.endswith("."):
        raise ValueError("cut off")
    return text


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    """And what is torn is."""
    path = tmp_path / "pixels" / "x.arrow"
    assert kept(path, read, lambda aside: aside.write_text("one.") and None) == "one."
    assert kept(path, read, lambda aside: aside.write_text("two.") and None) == "one."
    path.write_text("torn")
    assert kept(path, read, lambda aside: aside.write_text("three.") and None) == "three."


def test_what_is_asked_for_is_noted(tmp_path: Path) -> None:
    """Made or found; by the innermost context, of this thread alone."""

    def ask(name: str) -> None:
        kept(tmp_path / name, read, lambda aside: aside.write_text("one.") and None)

    ask("before")
    with noted() as outer:
        with noted() as inner:
            ask("before")
        other = threading.Thread(target=ask, args=["another's"])
        other.start()
        other.join()
        ask("new")
    ask("after")
    assert inner == {tmp_path / "before"}
    assert outer == {tmp_path / "new"}


def test_a_writer_that_fails_leaves_nothing_and_says_where(tmp_path: Path) -> None:
    """Neither a file nor a part of one."""

    def fail(aside: Path) -> None:
        aside.write_text("half")
        raise OSError("no space left")

    with pytest.raises(InputError, match=r"no space left.*UPSWEEP_CACHE"):
        kept(tmp_path / "x.arrow", read, fail)
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def test_one_that_fails_does_not_disturb_one_that_writes(tmp_path: Path) -> None:
    """A process waits for another's build: whatever becomes of it, the build goes on."""
    path, started, go_on = tmp_path / "x.arrow", threading.Event(), threading.Event()

    def slow(aside: Path) -> None:
        aside.write_text("slow.")
        started.set()
        assert go_on.wait(10)

    results: list[str] = []
    builder = threading.Thread(target=lambda: results.append(kept(path, read, slow)))
    builder.start()
    assert started.wait(10)
    waiter = threading.Thread(target=lambda: results.append(kept(path, read, slow)))
    waiter.start()
    go_on.set()
    builder.join()
    waiter.join()
    assert results == ["slow.", "slow."]


def test_what_a_process_writes_is_not_left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it holds its lock; clearing the cache meanwhile leaves it alone."""
    monkeypatch.setenv("UPSWEEP_CACHE", str(tmp_path))

    def write(aside: Path) -> None:
        aside.write_text("one.")
        assert cached() == []
        assert clear_cache() == 0

    assert kept(tmp_path / "pixels" / "x.arrow", read, write) == read(tmp_path / "pixels" / "x.arrow")


def test_what_a_killed_process_left_is_shown_cleared_and_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `data clear`, and by the next process that builds the same file."""
    monkeypatch.setenv("UPSWEEP_CACHE", str(tmp_path))
    (tmp_path / "pixels").mkdir()
    part = tmp_path / "pixels" / ".x.arrow.99.part"
    part.write_text("half")
    assert [(entry.kind, entry.path) for entry in cached()] == [("left over", part)]
    kept(tmp_path / "pixels" / "x.arrow", read, lambda aside: aside.write_text("one.") and None)
    assert [entry.kind for entry in cached()] == ["pixels"]
    assert clear_cache() == 4
    assert cached() == []
