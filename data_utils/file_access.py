"""Reading and writing the files at places, on a disk or at S3; each is written whole or not at all."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from data_utils.places import basename, is_s3, path_at, s3_parts, shown, under

PART = ".part"
"""How the names of files end that are not whole yet."""

_DISK = LocalFileSystem()
_CHUNK = 2**23


def opened(place: str, patient: bool = True) -> tuple[FileSystem, str]:
    """Return a place's file system and its path there.

    Args:
        patient: whether what fails for want of the server is tried again for a minute or two.
    """
    if not is_s3(place):
        return _DISK, place
    path, endpoint, region = s3_parts(place)
    return _s3(endpoint, region, patient), path


def exists(place: str, patient: bool = True) -> bool:
    """Return whether there is a file, or a folder with something in it."""
    return bool(_info(place, patient).type != FileType.NotFound)


def is_folder(place: str) -> bool:
    """Return whether there is a folder."""
    return bool(_info(place).type == FileType.Directory)


def size(place: str) -> int:
    """Return the bytes of a file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    info = _info(place)
    if info.type != FileType.File:
        raise FileNotFoundError(f"{shown(place)} is no file")
    return int(info.size)


def read_bytes(place: str, patient: bool = True) -> bytes:
    """Return what a file holds."""
    if not is_s3(place):
        return Path(place).read_bytes()
    system, path = opened(place, patient)
    with system.open_input_stream(path) as file:
        return bytes(file.read())


def modified(place: str) -> float:
    """Return when a file was written, in seconds since 1970 by the clock of what holds it."""
    return float(_info(place).mtime_ns or 0) / 1e9


def write_bytes(place: str, data: bytes, patient: bool = True) -> None:
    """Write a file, whole or not at all, and make the folder that it is in."""
    with written(place, patient) as part:
        part.write_bytes(data)


@contextmanager
def fetched(place: str) -> Iterator[Path]:
    """Give a path to read a file at: its own on a disk, that of a copy otherwise.

    Raises:
        FileNotFoundError: there is no such file at S3.
    """
    if not is_s3(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, basename(place))
        fetch(place, copy)
        yield copy


def fetch(place: str, file: Path) -> None:
    """Copy a file at S3 to a disk.

    Raises:
        OSError: it is not there, or not all of it came.
    """
    system, path = opened(place)
    with system.open_input_file(path) as source, file.open("wb") as target:
        shutil.copyfileobj(source, target, _CHUNK)
        whole, came = source.size(), target.tell()
    if came != whole:
        raise OSError(f"of the {whole} bytes of {shown(place)} {came} came")


def send(file: Path, place: str, patient: bool = True) -> None:
    """Copy a file to S3, where it is whole or absent.

    Raises:
        OSError: it has not arrived.
    """
    system, path = opened(place, patient)
    # Not by Arrow's `copy_files`, which does not tell of an upload that fails at its end.
    with file.open("rb") as source:
        with system.open_output_stream(path) as target:
            shutil.copyfileobj(source, target, _CHUNK)
        whole, arrived = source.tell(), system.get_file_info(path).size
    if arrived != whole:
        raise OSError(f"of the {whole} bytes of {shown(place)} {arrived} arrived")


@contextmanager
def written(place: str, patient: bool = True) -> Iterator[Path]:
    """Give a path to write to; what lies there in the end becomes the file at `place`, which is whole or absent."""
    if not is_s3(place):
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        with renamed(Path(place)) as part:
            yield part
        return
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder, basename(place))
        yield part
        send(part, place, patient)


@contextmanager
def renamed(path: Path) -> Iterator[Path]:
    """Give a path beside another, whose file is renamed to that one at the end."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PART}")
    part.touch(exist_ok=False)  # with the rights of any new file, where mkstemp's is the user's alone
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())  # or a machine that dies could keep the name without the bytes
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def matching(place: str, pattern: str, patient: bool = True) -> list[str]:
    """Return the files and folders below a place that match a glob, without `**`, in the order of their names."""
    system, root = opened(place, patient)
    folders = [root]
    *above, last = pattern.split("/")
    for part in above:
        if set(part) & set("*?["):
            inside = [info for path in folders for info in _inside(system, path)]
            below = [info for info in inside if info.type == FileType.Directory]
            folders = [info.path for info in below if fnmatchcase(info.base_name, part)]
        else:  # which need not be looked for among the thousands beside it
            folders = [f"{path}/{part}" for path in folders]
    found = [info for path in folders for info in _inside(system, path) if fnmatchcase(info.base_name, last)]
    names = sorted({info.path[len(root) + 1 :] for info in found})
    return [under(place, *name.split("/")) for name in names]


def walk(place: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder with the names of the folders and files in it, as `os.walk` does: who removes some prunes them."""
    if not is_s3(place):
        yield from os.walk(place)
        return
    system, path = opened(place)
    inside = _inside(system, path)
    folders = [info.base_name for info in inside if info.type == FileType.Directory]
    yield place, folders, [info.base_name for info in inside if info.type == FileType.File]
    for name in folders:
        yield from walk(under(place, name))


def files_below(place: str, leave_out: tuple[str, ...] = ()) -> list[str]:
    """Return the names, relative to a place, of all files below it but for those in folders of some names."""
    found: list[str] = []
    for folder, folders, files in walk(place):
        folders[:] = [name for name in folders if name not in leave_out]
        found += [under(folder, name) for name in files]
    root = len(path_at(place)) + 1
    return sorted(path_at(file)[root:] for file in found)


def remove(place: str, patient: bool = True) -> None:
    """Remove a file, or a folder with all that is in it; one that is not there is no error."""
    if not is_s3(place):
        path = Path(place)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        return
    system, path_there = opened(place, patient)
    kind = system.get_file_info(path_there).type
    if kind == FileType.File:
        system.delete_file(path_there)
    elif kind == FileType.Directory:
        system.delete_dir(path_there)


def _inside(system: FileSystem, path: str) -> list[FileInfo]:
    infos = system.get_file_info(FileSelector(path, allow_not_found=True))
    return [info for info in infos if info.path != path]


def _info(place: str, patient: bool = True) -> FileInfo:
    system, path = opened(place, patient)
    return system.get_file_info(path)


@lru_cache
def _s3(endpoint: str | None, region: str | None, patient: bool) -> FileSystem:
    from data_utils.s3 import open_s3  # which starts Amazon's client, and local files do without

    return open_s3(endpoint, region, patient)
