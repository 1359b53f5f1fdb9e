"""Ctrl-C and SIGTERM while a sweep runs: the first asks what runs to keep its state and end, a second ends at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Hears of interrupts, used as a context in the main thread; in another it hears of none.

    Args:
        say: told what happens next, from a thread of its own: a handler that prints may meet a half-printed line.

    Attributes:
        requested: whether there was one that something heeded.
        broken: why everything must end at once, whatever it loses; see `break_off`.
    """

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._heeding: tuple[str, Callable[[], None]] | None = None
        self._before: dict[int, Any] = {}
        self.requested = False
        self.broken: Exception | None = None

    def break_off(self, error: Exception) -> None:
        """End what runs without an interrupt, and without waiting: nothing more can be kept. The first error counts."""
        self.broken = self.broken or error

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def heeded(self, what: str, ask: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Let the first interrupt, instead of raising KeyboardInterrupt, set `requested`.

        Args:
            what: will happen before the end, for the person who waits.
            ask: called from a thread of its own, since it may have to wait for a server, and a second signal must not.
        """
        self._heeding = what, ask
        try:
            yield
        finally:
            self._heeding = None

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.requested or self._heeding is None:
            raise KeyboardInterrupt
        self.requested = True
        threading.Thread(target=self._answer, args=self._heeding, daemon=True).start()

    def _answer(self, what: str, ask: Callable[[], None]) -> None:
        self._say(f"interrupted: {what}; once more to stop now")
        try:
            ask()
        except OSError as error:
            self._say(f"but this cannot be asked for ({error})")
