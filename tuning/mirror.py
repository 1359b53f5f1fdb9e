"""A copy at S3 of what a sweep's driver writes to its folder, made in a thread of its own, so that no trial waits for it.

Files go in the order in which they were written; of one that is written again before its turn only the last goes. A
removal waits its turn as well, so at no moment S3 holds less than a resume needs.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Condition, Event, Thread
from typing import NamedTuple

from data_utils.caches import unsent_mark
from data_utils.errors import first_line
from data_utils.file_access import files_below, matching, remove, send
from data_utils.places import shown, under
from tuning.lease import DRIVER

RETRY_SECONDS = 2.0
"""Between two tries, while the server is away."""
FLUSH_SECONDS = 600.0
"""How long the end of a sweep waits for a server that is away."""


class _Step(NamedTuple):
    """A file to copy, or what to remove: a name or a glob relative to the folder."""

    name: str
    drops: bool


class Mirror:
    """Copies a folder's files to a place at S3 as it is told of them.

    Args:
        folder: absolute.
        warn: told, from the mirror's thread, when the server is away, and when it is back.
        there: names of files that are at S3 already.
        is_ours: asked before each step whether the run is still this driver's to write; if not, nothing more is.
    """

    def __init__(
        self,
        folder: Path,
        place: str,
        warn: Callable[[str], None],
        there: Iterable[str] = (),
        retry_seconds: float = RETRY_SECONDS,
        is_ours: Callable[[], bool] = lambda: True,
    ):
        self._folder, self._place, self._warn, self._retry_seconds = folder, place, warn, retry_seconds
        self._is_ours = is_ours
        self._steps: dict[_Step, int] = {}
        self._puts = 0
        self._sent = set(there)
        self._changed, self._closing = Condition(), Event()
        self.problem: str | None = None
        """Why the last try failed; None after one that did not."""
        self._thread = Thread(target=self._work, name="mirror", daemon=True)
        self._thread.start()

    def wrote(self, file: Path) -> None:
        """Copy a file, if it is in the folder."""
        if file.is_relative_to(self._folder):
            self._put(_Step(file.relative_to(self._folder).as_posix(), drops=False))

    def dropped(self, folder: Path, pattern: str) -> None:
        """Remove at S3 what matches in the folder, or in one below.

        Raises:
            TimeoutError: everything was to go, and the server is away.
        """
        if not folder.is_relative_to(self._folder):
            return
        self._put(_Step((folder.relative_to(self._folder) / pattern).as_posix(), drops=True))
        # Or it would take away what workers write from now on.
        if folder == self._folder and pattern == "*" and not self._arrived(FLUSH_SECONDS):
            raise TimeoutError(f"{shown(self._place)}: {self.problem}")

    def close(self, seconds: float = FLUSH_SECONDS) -> bool:
        """Copy what is left, with files that nobody told of, and stop; return whether all has arrived."""
        arrived = False
        try:
            self._put_untold()
            arrived = self._arrived(seconds)
        finally:  # an interrupt, too, leaves what only this folder has
            mark = unsent_mark(self._folder)
            with suppress(OSError):
                mark.unlink(missing_ok=True) if arrived else mark.touch()
            self.abandon()
        return arrived

    def abandon(self) -> None:
        """Copy and remove nothing more, but for the step under way."""
        with self._changed:
            self._closing.set()
            self._changed.notify_all()

    def _put_untold(self) -> None:
        """Copy what nobody told of; what waits keeps its place, since removals behind it count on that."""
        with self._changed:
            for name in files_below(str(self._folder)):
                step = _Step(name, drops=False)
                if name not in self._sent and step not in self._steps:
                    self._put(step)

    def _arrived(self, seconds: float) -> bool:
        """Wait until all has arrived, and return whether it has."""
        with self._changed:
            self._changed.wait_for(lambda: not self._steps or self._closing.is_set(), seconds)
            return not self._steps

    def _put(self, step: _Step) -> None:
        with self._changed:
            self._steps.pop(step, None)  # so that it goes to the end
            self._puts += 1
            self._steps[step] = self._puts
            self._changed.notify_all()

    def _work(self) -> None:
        while (first := self._first()) is not None:
            step, put = first
            try:
                if not self._is_ours():
                    self.abandon()
                    return
                self._do(step)
            except Exception as error:  # whatever it is, the sweep goes on, and its end tells
                said = first_line(error)
                if self.problem is None:
                    self._warn(
                        f"storage: cannot be reached ({said}); the sweep goes on, and is sent when it can"
                    )
                self.problem = said
                with suppress(OSError):
                    unsent_mark(self._folder).touch()
                self._closing.wait(self._retry_seconds)
                continue
            if self.problem is not None:
                self._warn("storage: is reached again")
            self.problem = None
            with self._changed:
                if self._steps.get(step) == put:  # not written again meanwhile
                    del self._steps[step]
                    self._changed.notify_all()
                if not self._steps:
                    with suppress(OSError):  # or what was sent late would be taken for what never was
                        unsent_mark(self._folder).unlink(missing_ok=True)

    def _first(self) -> tuple[_Step, int] | None:
        """Return what is to be done next, waiting for it; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._steps or self._closing.is_set())
            return None if self._closing.is_set() else next(iter(self._steps.items()))

    def _do(self, step: _Step) -> None:
        if not step.drops:
            file = self._folder / step.name
            if file.is_file():  # or else its removal is on its way
                send(file, under(self._place, *step.name.split("/")), patient=False)
            self._sent.add(step.name)
            return
        for place in matching(self._place, step.name, patient=False):
            if place != under(self._place, DRIVER):
                remove(place, patient=False)
