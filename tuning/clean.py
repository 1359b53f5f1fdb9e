"""Dropping what only a resume needs."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from data_utils.errors import InputError
from tuning.ending import read_ending
from tuning.frames import RAY_FOLDER
from tuning.remains import JOURNAL, SHARED, remains
from tuning.run_lock import hold

KEPT_OF_RAY = ("events.out.tfevents.*", "error.txt")
"""What a person looks at later: TensorBoard's curves, and what `error` in `trials.parquet` points to."""


def clean(folder: Path, *, anyway: bool = False) -> int:
    """Drop a sweep's journal, checkpoints, shared states and Ray's own state, and return how many bytes that frees.

    Args:
        anyway: whether a sweep that has not ended well is cleaned, too: it cannot be gone on with after.

    Raises:
        InputError: it has not ended well; a driver is running; or a file cannot be removed.
    """
    with hold(folder):
        if not anyway and (read_ending(folder) is None or (folder / JOURNAL).exists()):
            lost = remains(folder) or "nothing but what it is to run with"
            problem = (
                f"has not ended well, and `upsweep resume {folder}` would go on from this, which would be lost: {lost}; "
                f"the tables stay; --yes to drop it all the same"
            )
            raise InputError(str(folder), [problem])
        freed = 0
        try:
            for file in list(_droppable(folder)):
                freed += file.stat().st_size
                file.unlink()
            for emptied in (JOURNAL, SHARED):
                shutil.rmtree(folder / emptied, ignore_errors=True)
            for inner in sorted(
                (folder / RAY_FOLDER).rglob("*"), reverse=True
            ):  # what is in a folder comes first
                if inner.is_dir() and not any(inner.iterdir()):
                    inner.rmdir()
        except OSError as error:
            raise InputError(str(folder), [f"cannot be cleaned: {error}"]) from error
    return freed


def _droppable(folder: Path) -> Iterator[Path]:
    for name in (JOURNAL, SHARED, RAY_FOLDER):
        for path in (folder / name).rglob("*"):
            keep = name == RAY_FOLDER and any(path.match(pattern) for pattern in KEPT_OF_RAY)
            if not keep and (path.is_symlink() or path.is_file()):
                yield path
