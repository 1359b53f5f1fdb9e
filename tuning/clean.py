"""Dropping what only a resume needs."""

import shlex
import shutil
from _thread import interrupt_main
from collections.abc import Iterator
from pathlib import Path, PurePath

from data_utils.errors import InputError
from data_utils.file_access import exists, files_below, remove, size
from data_utils.places import is_s3, under
from tuning.ending import ENDING, read_ending
from tuning.frames import RAY_FOLDER
from tuning.lease import lease
from tuning.local_copy import local_copy
from tuning.remains import JOURNAL, SHARED, remains
from tuning.remote import place_given, reading
from tuning.run_lock import hold
from tuning.sweep_file import SWEEP_FILE
from tuning.wording import counted

KEPT_OF_RAY = ("events.out.tfevents.*", "error.txt")
"""What a person looks at later: TensorBoard's curves, and what `error` in `trials.parquet` points to."""


def clean(run: str | Path, *, anyway: bool = False) -> int:
    """Drop a sweep's journal, checkpoints, shared states and Ray's own state, and return how many bytes that frees.

    Args:
        run: its folder, or an s3 address.
        anyway: whether a sweep that has not ended well is cleaned, too: it cannot be gone on with after.

    Raises:
        InputError: it has not ended well; a driver is running; or a file cannot be removed.
    """
    return _clean_at_s3(str(run), anyway) if is_s3(run) else _clean_folder(Path(run), anyway)


def _clean_folder(folder: Path, anyway: bool) -> int:
    with hold(folder):
        if not anyway and (read_ending(folder) is None or (folder / JOURNAL).exists()):
            raise _not_ended(str(folder), remains(folder))
        freed = 0
        try:
            for file in list(_droppable(folder)):
                freed += file.stat().st_size
                file.unlink()
            for emptied in (JOURNAL, SHARED):
                shutil.rmtree(folder / emptied, ignore_errors=True)
            for inner in sorted((folder / RAY_FOLDER).rglob("*"), reverse=True):  # what is in a folder first
                if inner.is_dir() and not any(inner.iterdir()):
                    inner.rmdir()
        except OSError as error:
            raise InputError(str(folder), [f"cannot be cleaned: {error}"]) from error
    return freed


def _clean_at_s3(run: str, anyway: bool) -> int:
    place = place_given(run)
    with reading(place):
        if not exists(under(place, SWEEP_FILE)):
            raise InputError(run, [f"holds no {SWEEP_FILE}; give the address of a sweep"])
    with lease(place, interrupt_main), reading(place):
        with local_copy(run, names=(SWEEP_FILE, ENDING)) as copy:
            ended = read_ending(copy) is not None
        names = files_below(place)
        left = [name for name in names if name.startswith(f"{JOURNAL}/")]
        if not anyway and (not ended or left):
            raise _not_ended(run, f"{counted(len(left), 'file')} of its journal, and checkpoints")
        freed = 0
        for name in filter(_is_droppable, names):
            file = under(place, *name.split("/"))
            freed += size(file)
            remove(file)
    return freed


def _not_ended(run: str, remains: str | None) -> InputError:
    lost = remains or "nothing but what it is to run with"
    problem = (
        f"has not ended well, and `{shlex.join(['upsweep', 'resume', run])}` would go on from this, which would be lost: {lost}; "
        f"the tables stay; --yes to drop it all the same"
    )
    return InputError(run, [problem])


def _droppable(folder: Path) -> Iterator[Path]:
    for name in (JOURNAL, SHARED, RAY_FOLDER):
        for path in (folder / name).rglob("*"):
            if (path.is_symlink() or path.is_file()) and _is_droppable(str(path.relative_to(folder))):
                yield path


def _is_droppable(name: str) -> bool:
    """Return whether a file, by its name in a sweep's folder, is for a resume alone."""
    top, _, below = name.partition("/")
    kept = top == RAY_FOLDER and any(PurePath(below).match(pattern) for pattern in KEPT_OF_RAY)
    return top in (JOURNAL, SHARED, RAY_FOLDER) and not kept
