"""A run whose storage is at S3: worked on in a folder of the cache, which is mirrored, and fetched to go on with it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from data_utils.caches import lock_of
from data_utils.errors import InputError
from data_utils.places import exists, files_below, is_s3, shown, under
from tuning.config import Sweep
from tuning.files import watched
from tuning.frames import RAY_FOLDER
from tuning.lease import DRIVER, lease
from tuning.local_copy import fetch_files
from tuning.mirror import FLUSH_SECONDS, Mirror
from tuning.remote import check_place, reading
from tuning.sharing import FOLDER as SHARED
from tuning.sweep_file import SWEEP_FILE

_SECONDS_AFTER_AN_ERROR = 30.0
_STATES = (".pt", ".pth")
"""What workers leave to each other, who read it where it is."""


@contextmanager
def stored(sweep: Sweep, *, resume: bool, warn: Callable[[str], None]) -> Iterator[None]:
    """Keep at S3, if that is the sweep's storage, what is written to its folder.

    Args:
        resume: whether the run is to be fetched first.
        warn: told when the server is away, and when it is back; from any thread.

    Raises:
        InputError: the storage cannot be written, another driver works on the run, or not all has arrived in the end.
    """
    if not is_s3(sweep.storage):
        yield
        return
    place, folder = sweep.place, sweep.folder
    check_place(place)
    with _alone(place, folder), lease(place):
        with reading(place):
            there = _fetch_run(place, folder, resume)
        mirror = Mirror(folder, place, warn, there)
        try:
            with watched(mirror):
                yield
        except BaseException:
            mirror.close(_SECONDS_AFTER_AN_ERROR)
            raise
        if not mirror.close():
            problem = (
                f"has not everything of the run after {FLUSH_SECONDS:.0f} s of trying ({mirror.problem}); {folder} is "
                f"whole: copy it there, or have the storage back and go on from what it has: upsweep resume {shown(place)}"
            )
            raise InputError(f"storage {shown(place)}", [problem])


@contextmanager
def _alone(place: str, folder: Path) -> Iterator[None]:
    lock = lock_of(folder)
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout as error:
        raise InputError(
            shown(place), ["another process on this machine works on it; wait for its end"]
        ) from error


def _fetch_run(place: str, folder: Path, resume: bool) -> set[str]:
    """Bring a run's own files to a folder, whatever that held, and return their names; the settings, if it is a new run."""
    shutil.rmtree(folder, ignore_errors=True)
    if resume:
        found = files_below(place, leave_out=(RAY_FOLDER, SHARED))
        names = [name for name in found if name != DRIVER and not name.endswith(_STATES)]
    else:
        names = [SWEEP_FILE] if exists(under(place, SWEEP_FILE)) else []
    fetch_files(place, names, folder)
    return set(names)
