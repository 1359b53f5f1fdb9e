"""Where files lie that any node may have to reach: a path on a local or shared disk, or `s3://bucket/key`.

A place is text, so that it can be handed to a worker. One at S3 carries the server's address and region, as
`s3://bucket/key?endpoint=...&region=...`, but never a key of a user's: each node has these from its own environment.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from data_utils.errors import InputError

SCHEME = "s3://"
PART = ".part"
"""How the names of files end that are not whole yet."""

_DISK = LocalFileSystem()
_CHUNK = 2**23


def is_s3(place: str | Path) -> bool:
    """Return whether a place, or what a user gives as one, is at S3."""
    return str(place).startswith(SCHEME)


def s3_problem(url: str) -> str | None:
    """Return what is wrong with an s3 address that a user gives, or None; the address may hold a secret."""
    if "@" in url:
        return (
            "must hold no key and secret, which would be written down with the results; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY instead"
        )
    if "?" in url or "#" in url:
        return (
            "must be s3://bucket/prefix alone; the server's address and region come from s3.endpoint and s3.region of "
            "a sweep file, or from AWS_ENDPOINT_URL and AWS_REGION"
        )
    parts = url.removeprefix(SCHEME).rstrip("/").split("/")
    if not parts[0] or any(part in ("", ".", "..") for part in parts):
        return "must be s3://bucket/prefix, with no part of it empty or of dots alone"
    return None


def endpoint_problem(uri: str) -> str | None:
    """Return what is wrong with the address of a server, or None; it may hold a secret."""
    try:
        parts = urlsplit(uri)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        plain = False
    if "@" in uri or not plain or parts.path.strip("/") or parts.query or parts.fragment:
        return (
            "must be a server's address alone, such as http://127.0.0.1:9000; keys come from AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    return None


def s3_place(url: str, endpoint: str | None = None, region: str | None = None) -> str:
    """Return the place of an s3 address without problems.

    Args:
        endpoint: address of the server; by default `$AWS_ENDPOINT_URL_S3` or `$AWS_ENDPOINT_URL`, else Amazon's.
        region: by default `$AWS_REGION` or `$AWS_DEFAULT_REGION`, else what the server's client takes it to be.

    Raises:
        InputError: the environment gives no address of a server alone.
    """
    if endpoint is None:
        endpoint = _environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        if endpoint and (problem := endpoint_problem(endpoint)):
            raise InputError("AWS_ENDPOINT_URL", [problem])
    region = region or _environment("AWS_REGION", "AWS_DEFAULT_REGION")
    given = {"endpoint": endpoint, "region": region}
    query = urlencode({key: value for key, value in given.items() if value})
    return quote(url.rstrip("/"), safe=":/") + (f"?{query}" if query else "")


def shown(place: str) -> str:
    """Return a place as a person would give it."""
    return SCHEME + _split(place)[0] if is_s3(place) else place


def endpoint_and_region(place: str) -> tuple[str | None, str | None]:
    """Return the server's address and the region that a place at S3 carries."""
    return _split(place)[1:]


def under(place: str, *names: str) -> str:
    """Return a place below another."""
    if not is_s3(place):
        return str(Path(place, *names))
    address, mark, query = place.partition("?")
    return "/".join([address, *(quote(name) for name in names)]) + mark + query


def parent(place: str) -> str:
    """Return the place above."""
    if not is_s3(place):
        return str(Path(place).parent)
    address, mark, query = place.partition("?")
    return address.rpartition("/")[0] + mark + query


def basename(place: str) -> str:
    """Return the last part of a place."""
    return _path(place).rpartition("/")[2]


def opened(place: str, patient: bool = True) -> tuple[FileSystem, str]:
    """Return a place's file system and its path there.

    Args:
        patient: whether what fails for want of the server is tried again for a minute or two.
    """
    if not is_s3(place):
        return _DISK, place
    path, endpoint, region = _split(place)
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


def read_bytes(place: str) -> bytes:
    """Return what a file holds."""
    if not is_s3(place):
        return Path(place).read_bytes()
    system, path = opened(place)
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
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())  # as any new file, where mkstemp's are the user's alone
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
    root = len(_path(place)) + 1
    return sorted(_path(file)[root:] for file in found)


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


def _path(place: str) -> str:
    return _split(place)[0] if is_s3(place) else place


def _split(place: str) -> tuple[str, str | None, str | None]:
    """Return bucket and key of a place at S3, the server's address, and the region."""
    parts = urlsplit(place)
    query = parse_qs(parts.query)
    [endpoint], [region] = query.get("endpoint", [None]), query.get("region", [None])
    return parts.netloc + unquote(parts.path), endpoint, region


@lru_cache
def _s3(endpoint: str | None, region: str | None, patient: bool) -> FileSystem:
    from data_utils.s3 import open_s3  # which starts Amazon's client, and local files do without

    return open_s3(endpoint, region, patient)


def _environment(*names: str) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
