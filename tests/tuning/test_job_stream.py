"""Files through a log: exact, or an error."""

import io
import os
from pathlib import Path

import pytest

from tuning.job_stream import CHUNK, GarbledError, Sent, file_lines, message, messages, receive


def through(lines: list[str]) -> bytes:
    """Return the one file that lines hold, as it is received."""
    answers = messages(lines)
    announced = next(answers)
    out = io.BytesIO()
    receive(Sent(announced["file"], announced["bytes"], announced["sha256"]), answers, out)
    assert next(answers, None) is None, "it takes its own messages, and no more"
    return out.getvalue()


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_file_comes_as_it_was_sent(tmp_path: Path, size: int) -> None:
    """Of any size, with what others print between its lines."""
    file = tmp_path / "model"
    file.write_bytes(os.urandom(size))
    lines = list(file_lines(file, "model"))
    among = [line for one in lines for line in ("a warning of a library's", one)]
    assert through(among) == file.read_bytes()


def test_a_file_that_is_cut_or_changed_is_an_error(tmp_path: Path) -> None:
    """Never a shorter or another file."""
    file = tmp_path / "model"
    file.write_bytes(b"a" * (2 * CHUNK))
    lines = list(file_lines(file, "model"))
    with pytest.raises(GarbledError, match=f"came but for {CHUNK} of its {2 * CHUNK} bytes"):
        through(lines[:-1])
    with pytest.raises(GarbledError, match="another digest"):
        through([lines[0], lines[1].replace("YWFh", "YWFi", 1), lines[2]])
    with pytest.raises(GarbledError, match="a line of the answer is cut"):
        through([lines[0], lines[1][:50]])


def test_a_file_that_is_replaced_meanwhile_is_that_of_the_beginning(tmp_path: Path) -> None:
    """As a run that goes on renames another over it."""
    file = tmp_path / "epochs"
    file.write_bytes(b"old" * CHUNK)
    lines = file_lines(file, "epochs")
    sent = [next(lines)]
    (tmp_path / "new").write_bytes(b"new")
    (tmp_path / "new").rename(file)
    assert through(sent + list(lines)) == b"old" * CHUNK


def test_what_is_not_ours_is_no_message() -> None:
    """Even if it looks alike."""
    assert list(messages(["upsweep", "@upsweeper {}", message(done=True)])) == [{"done": True}]
