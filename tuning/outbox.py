"""Calls to a server outside the sweep, made in a thread of their own, so that no trial waits for it or ends with it."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread

RETRY_SECONDS = 30.0
"""Between two tries of a call that fails for want of the server."""
FLUSH_SECONDS = 300.0
"""How long the end of a sweep waits for what is still to be sent: a model of VGG11 is half a gigabyte."""

Call = Callable[[], None]


class Outbox:
    """Makes calls one after another, in the order they are put.

    A call that may succeed later is made again until it does, and those behind it wait; any other that fails is
    dropped.

    Args:
        passing: whether a call that raised this may succeed later.
        warn: told of the first failure, from the outbox's thread.
    """

    def __init__(
        self,
        passing: Callable[[Exception], bool],
        warn: Callable[[Exception], None],
        retry_seconds: float = RETRY_SECONDS,
    ):
        self._passing, self._warn, self._retry_seconds = passing, warn, retry_seconds
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._closing = Event()
        self._put = self._made = 0
        self._warned = False
        self._thread = Thread(target=self._work, name="outbox", daemon=True)
        self._thread.start()

    def put(self, call: Call) -> None:
        """Make a call when those before it are done; returns at once."""
        self._put += 1
        self._queue.put(call)

    def close(self, seconds: float = FLUSH_SECONDS) -> int:
        """Make the calls that are left, each once, until one fails for want of the server or the time is over.

        Returns:
            How many calls were never made with success.
        """
        self._closing.set()
        self._queue.put(None)
        self._thread.join(seconds)
        return self._put - self._made

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            while not self._done_with(call):
                if self._closing.is_set():
                    return
                self._closing.wait(self._retry_seconds)

    def _done_with(self, call: Call) -> bool:
        try:
            call()
        except Exception as error:  # whatever a tracker raises is no reason to end a sweep
            if not self._warned:
                self._warned = True
                self._warn(error)
            return not self._passing(error)
        self._made += 1
        return True
