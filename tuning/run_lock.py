"""One driver a folder: a second would mix its rows and files with the first one's."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from data_utils.errors import InputError


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a sweep's or a study's folder, which need not be there yet, for this process.

    The lock is a file beside the folder, since an overwrite replaces the folder. The system releases it when the process
    ends, however it ends.

    Raises:
        InputError: another process holds it, or nothing can be written there.
    """
    lock = FileLock(folder.with_name(f".{folder.name}.lock"), blocking=False)
    holder = folder.with_name(f".{folder.name}.holder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise InputError(
            str(folder), [f"is in use by {_who(holder)}; wait for its end, or end it"]
        ) from error
    except OSError as error:
        raise InputError(str(folder.parent), [f"cannot be written ({error}); name another folder"]) from error
    try:
        with suppress(OSError):  # it only serves a message
            entry = {"host": socket.gethostname(), "pid": os.getpid()}
            holder.write_text(json.dumps(entry), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _who(holder: Path) -> str:
    """Return who says to hold the lock."""
    try:
        entry = json.loads(holder.read_text(encoding="utf-8"))
        return f"process {entry['pid']} on {entry['host']}"
    except (OSError, ValueError, TypeError, KeyError):  # not written yet
        return "another process"
