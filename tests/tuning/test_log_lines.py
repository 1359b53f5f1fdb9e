"""A log as it grows, from a client that waits for more."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest
from ray.job_submission import JobSubmissionClient

from tuning.log_lines import log_lines


class Slow:
    """Has some parts of a log at once, and waits for more."""

    def __init__(self, parts: list[str], seconds: float):
        self._parts, self._seconds = parts, seconds
        self.closed = False

    async def tail_job_logs(self, job: str) -> AsyncIterator[str]:
        """Yield them."""
        try:
            for part in self._parts:
                yield part
            await asyncio.sleep(self._seconds)
        finally:
            self.closed = True


def lines_of(client: Slow) -> Iterator[str]:
    """Follow its log."""
    return log_lines(cast("JobSubmissionClient", client), "job")


def test_parts_are_no_lines() -> None:
    """A line may come in two parts, and the last without its end."""
    slow = Slow(["a\nb", "c\n", "d"], seconds=0)
    assert list(lines_of(slow)) == ["a", "bc", "d"]
    assert slow.closed


def interrupt(*_: object) -> None:
    """Hear a signal as Python does, by a handler of one's own."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("handler", [signal.default_int_handler, interrupt])
def test_ctrl_c_while_it_waits_is_an_interrupt(handler: Callable[..., Any]) -> None:
    """And no error of the loop's, whoever has set how signals are heard; the connection is closed."""
    slow, before = Slow(["a\n"], seconds=60), signal.signal(signal.SIGINT, handler)
    try:
        lines = lines_of(slow)
        assert next(lines) == "a"
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            next(lines)
    finally:
        signal.signal(signal.SIGINT, before)
    assert slow.closed


def test_who_stops_reading_closes_the_connection() -> None:
    """In the middle of the log."""
    slow = Slow(["a\nb\n"], seconds=60)
    lines = lines_of(slow)
    assert next(lines) == "a"
    lines.close()  # type: ignore[attr-defined]  # of a generator
    assert slow.closed
