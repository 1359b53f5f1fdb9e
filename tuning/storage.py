"""A run whose storage is at S3: worked on in a folder of the cache, which is mirrored, and fetched to go on with it."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from filelock import FileLock, Timeout

from data_utils.caches import UNSENT, lock_of, unsent_mark
from data_utils.errors import InputError, told_of
from data_utils.file_access import exists, files_below
from data_utils.places import is_s3, shown, under
from tuning.broken_off import saying_how_to_go_on
from tuning.cluster import resume_command
from tuning.config import Sweep
from tuning.disk_full import is_disk_full
from tuning.files import watched
from tuning.frames import RAY_FOLDER
from tuning.lease import DRIVER, SECONDS_OF_GRACE, lease
from tuning.local_copy import fetch_files
from tuning.mirror import FLUSH_SECONDS, Mirror
from tuning.remote import check_place, reading
from tuning.sharing import FOLDER as SHARED
from tuning.sweep_file import SWEEP_FILE

SECONDS_AFTER_AN_ERROR = 30.0
"""How long what is left is sent for when a run breaks off."""
SECONDS_AFTER_AN_INTERRUPT = 5.0
"""The same when somebody waits for the end."""
_STATES = (".pt", ".pth")
"""What workers leave to each other, who read it where it is."""


@contextmanager
def stored(sweep: Sweep, *, resume: bool, warn: Callable[[str], None]) -> Iterator[None]:
    """Keep at S3, if that is the sweep's storage, what is written to its folder.

    Args:
        resume: whether the run is to be fetched first.
        warn: told when the server is away, and when it is back; from any thread.

    Raises:
        InputError: the storage cannot be written, or reached any more, another driver works on the run, or not all has
            arrived in the end; of problems in the folder it tells where at S3 they are.
        KeyboardInterrupt: as it came, with where at S3 to go on.
    """
    if not is_s3(sweep.storage):
        yield
        return
    place, folder = sweep.place, sweep.folder
    check_place(place)
    taken, mirrors = Event(), list[Mirror]()

    def lost() -> None:
        taken.set()
        for mirror in mirrors:
            mirror.abandon()
        # Started in the background, Python heeds no SIGINT, and without a handler of ours a SIGTERM leaves no word.
        heeded = callable(signal.getsignal(signal.SIGTERM))
        os.kill(os.getpid(), signal.SIGTERM if heeded else signal.SIGINT)

    with _alone(place, folder), _unless(taken, place), lease(place, lost) as is_ours:
        if (kept := _set_aside(folder)) is not None:
            warn(f"storage: what a driver before could not send is kept in {kept}")
        with reading(place):
            there = _fetch_run(place, folder, resume)
        mirror = Mirror(folder, place, warn, there, is_ours=is_ours)
        mirrors.append(mirror)
        try:
            with watched(mirror), _at_s3(folder, place):
                yield
        except BaseException as error:
            hasty = isinstance(error, KeyboardInterrupt)
            mirror.close(SECONDS_AFTER_AN_INTERRUPT if hasty else SECONDS_AFTER_AN_ERROR)
            raise
        with _at_s3(folder, place), saying_how_to_go_on(folder):
            arrived = mirror.close()
        if not arrived:
            problem = (
                f"has not everything of the run after {FLUSH_SECONDS:.0f} s of trying ({mirror.problem}); {folder} is "
                f"whole: copy it there, or have the storage back and go on from what it has: {resume_command(shown(place))}"
            )
            raise InputError(f"storage {shown(place)}", [problem])


@contextmanager
def _unless(taken: Event, place: str) -> Iterator[None]:
    """Say that another driver has taken the run, whatever ended this one then."""
    cause: BaseException | None = None
    try:
        yield
    except BaseException as error:  # an interrupt, or what Ray makes of a SIGTERM
        if not taken.is_set():
            raise
        cause = error
    if taken.is_set():
        problem = (
            f"was taken by another driver while this one could not reach it for {SECONDS_OF_GRACE:.0f} s; what is there "
            f"is the other's, and this one has stopped"
        )
        raise InputError(f"storage {shown(place)}", [problem]) from cause


@contextmanager
def _at_s3(folder: Path, place: str) -> Iterator[None]:
    """Say of what ends a run, in place of the folder worked in, where at S3 it is."""
    try:
        with (
            told_of(shown(place), str(folder)),
            told_of(resume_command(shown(place)), resume_command(folder)),
        ):
            yield
    except KeyboardInterrupt as error:
        said = str(error).replace(resume_command(folder), resume_command(shown(place)))
        raise KeyboardInterrupt(said.replace(str(folder), shown(place))) from error
    except OSError as error:  # of S3, since the folder's are InputErrors
        if is_disk_full(error):
            raise
        problem = f"is out of reach ({error}); once it is back, go on with: {resume_command(shown(place))}"
        raise InputError(f"storage {shown(place)}", [problem]) from error


def _set_aside(folder: Path) -> Path | None:
    """Move away a folder that holds what a driver could not send, and return where it is then; None if all was sent."""
    mark = unsent_mark(folder)
    if not (mark.exists() and folder.is_dir()):
        return None
    kept = folder.with_name(f"{folder.name}{UNSENT}_{time.strftime('%Y%m%d_%H%M%S')}")
    folder.rename(kept)
    mark.unlink()
    return kept


@contextmanager
def _alone(place: str, folder: Path) -> Iterator[None]:
    lock = lock_of(folder)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=0):
            yield
    except Timeout as error:
        raise InputError(
            shown(place), ["another process on this machine works on it; wait for its end"]
        ) from error
    except PermissionError as error:
        problem = f"cannot be written ({error}); set UPSWEEP_CACHE to a folder that can"
        raise InputError("the folder that the driver works in", [problem]) from error


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
