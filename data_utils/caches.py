"""Where upsweep keeps what it must not compute twice, and how: built once, by one process, whole or absent."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from data_utils.errors import InputError

logger = logging.getLogger(__name__)

Kept = TypeVar("Kept")

UNSENT = ".unsent"
LOCK = ".lock"

_noting: ContextVar[set[Path] | None] = ContextVar("_noting", default=None)


def cache_dir() -> Path:
    """Return `$UPSWEEP_CACHE`, else `upsweep` in the user's cache folder; the folder itself may not exist yet."""
    if chosen := os.environ.get("UPSWEEP_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "upsweep"


def working_folder(place: str) -> Path:
    """Return the folder in the cache in which the run at a place elsewhere is worked on."""
    name = place.partition("?")[0].rpartition("/")[2]
    return cache_dir() / "working" / hashlib.sha256(place.encode()).hexdigest()[:16] / name


def lock_of(folder: Path) -> Path:
    """Return the file that who works in such a folder has locked."""
    return folder.parent / LOCK


def unsent_mark(folder: Path) -> Path:
    """Return the file that is there while such a folder may hold what has not arrived elsewhere."""
    return folder.parent / UNSENT


def kept(path: Path, read: Callable[[Path], Kept], write: Callable[[Path], None]) -> Kept:
    """Return what `read` makes of a file in the cache, which `write` makes first if it is missing or torn.

    A second process that asks meanwhile waits and then reads what the first has built. The file is written aside and
    renamed, so it is whole or absent.

    Args:
        read: raises for a file that is torn.
        write: given the place to write to.

    Raises:
        InputError: the cache cannot be written.
    """
    if (noting := _noting.get()) is not None:
        noting.add(path)
    if (found := _whole(path, read)) is not None:
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if (found := _whole(path, read)) is not None:
                return found
            of_the_killed = f".{escape(path.name)}.*.part"
            for left_behind in path.parent.glob(of_the_killed):
                left_behind.unlink()
            aside = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                write(aside)
                # Not synced, which takes seconds for gigabytes that can be made again: where a machine dies before they
                # are on the disk, file systems leave a file cut short, and that is torn.
                aside.rename(path)
            finally:
                aside.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            str(path.parent), [f"the cache cannot be written ({error}); set UPSWEEP_CACHE to another folder"]
        ) from error
    return read(path)


@contextmanager
def noted() -> Iterator[set[Path]]:
    """Collect the files that this thread asks `kept` for in the context, and in no context within it."""
    files = set[Path]()
    before = _noting.set(files)
    try:
        yield files
    finally:
        _noting.reset(before)


def marks_folder() -> Path:
    """Return the folder in the cache of what was found out before; see `tuning.marks`."""
    return cache_dir() / "marks"


@dataclass(frozen=True)
class CachedFile:
    """A file or folder of the cache."""

    kind: str
    """`pixels`, `features`, `archive`, `sample`, `working` copy of a run that is at S3, or `left over` from a process that was killed."""
    path: Path
    bytes: int
    written: float
    """When it was last written, in seconds since 1970."""


def cached() -> list[CachedFile]:
    """Return what the cache holds, largest first."""
    root = cache_dir()
    files = [("pixels", path) for path in root.glob("pixels/*.arrow")]
    files += [("features", path) for path in root.glob("features/*.npy")]
    files += [("archive", path) for path in root.glob("archives/*") if _is_fetched(path)]
    files += [("sample", path) for path in root.glob("sample-*") if path.is_dir()]
    files += [("working", path) for path in root.glob("working/*/*") if _is_left(path)]
    files += [("left over", path) for path in root.glob("*/.*.part") if not _is_being_written(path)]
    files += [("left over", path) for path in root.glob("bench-*") if not _is_locked(path / LOCK)]
    entries = []
    for kind, path in files:
        with suppress(FileNotFoundError):  # what has been removed, or got its name, meanwhile
            entries.append(CachedFile(kind, path, _bytes(path), path.stat().st_mtime))
    return sorted(entries, key=lambda entry: -entry.bytes)


def clear_cache() -> int:
    """Drop what the cache holds, and return how many bytes that frees.

    A process that has a file open keeps reading it: its pages go when the process ends.

    Raises:
        InputError: something cannot be removed.
    """
    entries = cached()
    try:
        for entry in entries:
            if entry.path.is_dir():
                shutil.rmtree(entry.path)
            else:
                entry.path.unlink(missing_ok=True)
        for mark in marks_folder().glob("*"):
            mark.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(str(cache_dir()), [f"cannot be cleared: {error}"]) from error
    return sum(entry.bytes for entry in entries)


def _is_left(folder: Path) -> bool:
    """Return whether nobody works in a working folder, and all of it is elsewhere, too."""
    if _is_locked(lock_of(folder)):
        return False
    return folder.is_dir() and UNSENT not in folder.name and not unsent_mark(folder).exists()


def _is_being_written(part: Path) -> bool:
    """Return whether a process holds a lock in the folder of a file that is not whole, as whoever writes there does."""
    return any(_is_locked(lock) for lock in part.parent.glob("*.lock"))


def _is_locked(file: Path) -> bool:
    """Return whether a process holds a lock."""
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True


def _is_fetched(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _bytes(path: Path) -> int:
    inside = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in inside if file.is_file())


def _whole(path: Path, read: Callable[[Path], Kept]) -> Kept | None:
    """Return what `read` makes of the file, or None if there is none or it is torn."""
    if not path.is_file():
        return None
    try:
        return read(path)
    except Exception as error:  # a torn file makes Arrow and NumPy raise nearly anything
        logger.warning("%s is torn and will be rebuilt: %s", path, error)
        return None
