"""A run at S3 as a folder, for what reads a folder's files."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from data_utils.errors import InputError, told_of
from data_utils.file_access import exists, fetch, files_below, send
from data_utils.places import basename, is_s3, shown, under
from trainables.model_card import MODEL
from tuning.frames import RAY_FOLDER
from tuning.lease import DRIVER
from tuning.remote import place_given, reading

_NOT_READ = (RAY_FOLDER, "shared", "journal")
"""Folders of a run that only its workers, or a resume, look into."""


@contextmanager
def local_copy(path: str, *, names: tuple[str, ...] = (), but: tuple[str, ...] = ()) -> Iterator[Path]:
    """Give a folder with a run's files: its own on a disk; a copy, of the same name, of one at S3.

    Args:
        names: the files to copy, where there are such; by default all that are not Ray's or for a resume alone.
        but: names of files to leave out.

    Raises:
        InputError: the run is not there or cannot be read; of problems in the copy it tells where at S3 they are.
    """
    if not is_s3(path):
        yield Path(place_given(path))
        return
    place = place_given(path)
    with tempfile.TemporaryDirectory() as above:
        folder = Path(above, basename(place))
        with reading(place):
            found = names or files_below(place, leave_out=_NOT_READ)
            there = [name for name in found if not names or exists(under(place, name))]
            fetch_files(
                place, [name for name in there if name.rpartition("/")[2] not in (DRIVER, *but)], folder
            )
        if not there:
            raise InputError(path, ["holds no files of a sweep; give s3://bucket/prefix/NAME"])
        with told_of(path, copy=str(folder)):
            yield folder


def name_of(path: str) -> str:
    """Return the name of a run's folder, on a disk or at S3."""
    place = place_given(path)
    return basename(place) if is_s3(place) else Path(place).resolve().name


def report_of(path: str, out: Path | None) -> str:
    """Write the report of a sweep, or of those below a place; return where: in the folder, or beside the tables at S3.

    Raises:
        InputError: as `write_report`, or S3 cannot be reached.
    """
    from tuning.report import REPORT, write_report  # what plots takes a second to import

    with local_copy(path, but=(MODEL, REPORT)) as folder:
        file = write_report(folder, out)
        if out is not None or not is_s3(path):
            return str(file)
        place = under(place_given(path), REPORT)
        with reading(place):
            send(file, place)
        return shown(place)


def fetch_files(place: str, names: Collection[str], folder: Path) -> None:
    """Copy files of a run at S3 to a folder, by their names in it, making the folder.

    Raises:
        InputError: a name leads out of the folder.
    """
    for name in names:
        if any(part in ("", ".", "..") for part in name.split("/")):
            problem = f"has a name that would lead out of the run's folder: {name!r}; remove it"
            raise InputError(f"an object at {shown(place)}", [problem])
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (file := folder / name).parent.mkdir(parents=True, exist_ok=True)
        fetch(under(place, *name.split("/")), file)
