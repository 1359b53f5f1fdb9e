"""Which driver has a run at S3: an object that it writes again and again, so that a second one is refused."""

import json
import os
import platform
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from data_utils.errors import InputError
from data_utils.file_access import exists, matching, modified, read_bytes, remove, write_bytes
from data_utils.places import shown, under
from tuning.remote import beside, reading

DRIVER = "driver.json"
"""In a run's folder, as long as a driver works on it."""
SECONDS_BETWEEN = 10.0
"""From one beat to the next."""
SECONDS_OF_GRACE = 60.0
"""After its last beat a driver is taken to be gone."""
SECONDS_AT_THE_END = 2.0
"""How long the end waits for a beat that is under way."""


@contextmanager
def lease(
    place: str,
    lost: Callable[[], None],
    seconds_between: float = SECONDS_BETWEEN,
    grace: float = SECONDS_OF_GRACE,
) -> Iterator[Callable[[], bool]]:
    """Have a run at S3 to oneself; give what says whether that is still so, to be asked before each write.

    Of two that start within the same second both may believe to have it, until the first beats again: S3 knows no locks.

    Args:
        lost: called once, from a thread, when another driver has taken the run, or may have and ended: this one was out of
            reach for too long.

    Raises:
        InputError: another driver has it, or S3 cannot be reached.
    """
    mine, driver = under(place, DRIVER), secrets.token_hex(8)
    with reading(place):
        _refuse_another(place, mine, grace)
        heart = _Heart(place, driver, lost, grace)
        _beat(mine, driver, patient=True)
    stopping = Event()
    thread = Thread(target=_beat_on, args=(heart, stopping, seconds_between), name="lease", daemon=True)
    thread.start()
    try:
        yield heart.is_ours
    finally:
        stopping.set()
        heart.stop()
        thread.join(SECONDS_AT_THE_END)
        with suppress(OSError):  # where the server is away the beat grows old by itself
            if _holder(mine) == driver:
                remove(mine, patient=False)


def _refuse_another(place: str, mine: str, grace: float) -> None:
    if not exists(mine):
        return
    try:
        beat = json.loads(read_bytes(mine))
        before = modified(mine)
        host, pid = str(beat["host"]), int(beat["pid"])
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # it ended just now, or wrote no beat
        return
    if beat.get("machine") == _machine() and not Path(f"/proc/{pid}").exists():
        return
    probe = beside(place)
    write_bytes(probe, b"")
    age = modified(probe) - before  # both by the server's clock, since two hosts' may differ
    remove(probe)
    if age < grace:
        problem = (
            f"another driver works on it: process {pid} on {host}, whose last sign of life is {age:.0f} s old; wait for "
            f"its end, or, if it is gone, for {grace - age:.0f} s"
        )
        raise InputError(shown(place), [problem])


class _Heart:
    """Beats for a driver that is about to beat, as long as no other can have taken the run."""

    def __init__(self, place: str, driver: str, lost: Callable[[], None], grace: float):
        self._place, self._mine, self._driver, self._lost = place, under(place, DRIVER), driver, lost
        self._silence = 0.9 * grace  # others count by the server's clock, in whole seconds
        self._beaten, self._is_over = _now(), False
        self._alone = Lock()

    def stop(self) -> None:
        """Beat no more, and find nothing lost any more."""
        self._is_over = True

    def is_ours(self) -> bool:
        """Return whether the run is this driver's; only after a silence is the server asked.

        Raises:
            OSError: it is away.
        """
        return not self._is_over and (not self._was_silent() or self.beat())

    def beat(self) -> bool:
        """Give a sign of life, and return True; or find the run taken, and say so once.

        Raises:
            OSError: the server is away.
        """
        with self._alone:
            began = _now()
            holder = None if self._is_over else _holder(self._mine)
            if self._is_over:
                return False
            if holder == self._driver or (holder is None and not self._may_have_been_another()):
                _beat(self._mine, self._driver, patient=False)
                self._beaten = began
                return True
            self._is_over = True
        self._lost()
        return False

    def _may_have_been_another(self) -> bool:
        """Return whether, with no sign of life left, another may have taken the run and ended it: it left its files."""
        return self._was_silent() and bool(matching(self._place, "*", patient=False))

    def _was_silent(self) -> bool:
        return _now() - self._beaten >= self._silence


def _now() -> float:
    """Return a time that goes on while the machine sleeps, where there is such a clock."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _beat_on(heart: _Heart, stopping: Event, seconds_between: float) -> None:
    while not stopping.wait(seconds_between):
        with suppress(OSError):  # the mirror says when the server is away
            if not heart.beat():
                return


def _holder(mine: str) -> str | None:
    """Return the id of the driver whose the last beat is, or None where there is none that can be read.

    Raises:
        OSError: the server is away.
    """
    if not exists(mine, patient=False):
        return None
    try:
        return str(json.loads(read_bytes(mine, patient=False))["driver"])
    except (FileNotFoundError, ValueError, TypeError, KeyError):  # dropped just now, or no beat
        return None


def _beat(mine: str, driver: str, patient: bool) -> None:
    beat: dict[str, Any] = {
        "driver": driver,
        "host": platform.node(),
        "machine": _machine(),
        "pid": os.getpid(),
        "beat": int(1000 * time.time()),  # of one length, so that no reader meets the start of a longer one
    }
    write_bytes(mine, json.dumps(beat).encode(), patient)


def _machine() -> str:
    """Return what tells the processes that see each other from others: the host, its start, and the container."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    started = boot.read_text().strip() if boot.is_file() else ""
    return f"{platform.node()} {started} {space.readlink() if space.is_symlink() else ''}"
