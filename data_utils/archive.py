"""`data.root` as a tar or zip elsewhere: each machine fetches it into its cache, once, whole or not at all."""

import hashlib
import logging
import lzma
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

from filelock import FileLock

from data_utils.caches import cache_dir
from data_utils.errors import InputError
from data_utils.file_access import opened, size
from data_utils.folder import CATEGORIES, LISTS
from data_utils.places import is_s3, s3_problem, shown

logger = logging.getLogger(__name__)

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_DIGEST = re.compile(r"sha256=([0-9a-f]{64})")
_CHUNK = 2**22
_SECONDS = 60.0
"""Without a byte from the server."""


def is_archive(root: str) -> bool:
    """Return whether what a user gives as `data.root` is at a server."""
    return is_s3(root) or root.startswith(("http://", "https://"))


def archive_problem(root: str) -> str | None:
    """Return what is wrong with the address of an archive, or None; it may hold a secret, so it is not repeated."""
    address, mark, digest = root.partition("#")
    if mark and not _DIGEST.fullmatch(digest):
        return (
            "must have nothing after # but sha256= and the 64 lower-case hex digits of the archive's SHA-256"
        )
    problem = s3_problem(address) if is_s3(address) else _http_problem(address)
    if problem is None and not address.lower().endswith(ENDINGS):
        return f"must end in one of {', '.join(ENDINGS)}: an archive, since a server lists no folder"
    return problem


def _http_problem(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        plain = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        plain = False
    if "@" in address or "?" in address or not plain:
        return (
            "must be an address without user, password and query, which would be written down with the results; "
            "what needs a key goes to s3://, whose keys come from the environment"
        )
    return None


def fetched_archive(root: str) -> Path:
    """Return the folder that an archive holds, fetched into the cache unless it is there.

    It is kept by its address (and checksum, if that gives one): another archive wants another name, or checksum.

    Args:
        root: an address without problems; one at s3 is a place.

    Raises:
        InputError: it cannot be fetched, is not what its checksum says, or no archive, or the cache is full; or its address
            may hold a secret, which would be repeated.
    """
    address = root.partition("#")[0]
    # Of a place at S3 the server stands behind a question mark.
    if problem := s3_problem(address.partition("?")[0]) if is_s3(root) else _http_problem(address):
        raise InputError("the archive's address", [problem])
    name = Path(urlsplit(root).path).name
    folder = archive_folder(root)
    if not folder.is_dir():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if not folder.is_dir():
                    with tempfile.TemporaryDirectory(
                        dir=folder.parent, prefix=".fetch-", suffix=".part"
                    ) as aside:
                        _fetch(root, Path(aside, name))
                        inside = Path(aside, "inside")
                        _extract(Path(aside, name), inside)
                        inside.rename(folder)
        except (
            OSError,
            EOFError,
            HTTPException,
            zlib.error,
            lzma.LZMAError,
            tarfile.TarError,
            zipfile.BadZipFile,
            RuntimeError,  # of a zip that is encrypted, or compressed in a way that Python does not know
        ) as error:
            problem = (
                f"cannot be fetched into {folder.parent} ({error}); mend what it says, or fetch it by hand"
            )
            raise InputError(shown_root(root), [problem]) from error
    return _inner(folder)


def archive_folder(root: str) -> Path:
    """Return where in the cache an archive is, or will be."""
    name = Path(urlsplit(root).path).name.partition(".")[0]
    return cache_dir() / "archives" / f"{name}-{hashlib.sha256(root.encode()).hexdigest()[:16]}"


def shown_root(root: str) -> str:
    """Return a root as a user gave it."""
    address, mark, digest = root.partition("#")
    return shown(address) + mark + digest


def _fetch(root: str, file: Path) -> None:
    """Copy an archive to a disk, and compare it with its checksum if there is one."""
    address, _, digest = root.partition("#")
    sha, done, told = hashlib.sha256(), 0, 0
    with _open(address) as (source, total), file.open("wb") as target:
        while chunk := source.read(_CHUNK):
            target.write(chunk)
            sha.update(chunk)
            done += len(chunk)
            if total and 10 * done // total > told:
                told = 10 * done // total
                logger.info("fetching %s: %.0f of %.0f MB", shown_root(root), done / 1e6, total / 1e6)
    if total is not None and done != total:
        raise OSError(f"of its {total} bytes {done} came")
    if (expected := _DIGEST.fullmatch(digest)) and sha.hexdigest() != expected[1]:
        raise InputError(
            shown_root(root),
            [f"has the SHA-256 {sha.hexdigest()}; fetch the right one, or correct the digest behind #"],
        )


@contextmanager
def _open(address: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """Give a stream of an archive's bytes, and how many there are, if the server says."""
    if is_s3(address):
        system, path = opened(address)
        with system.open_input_stream(path) as stream:
            yield stream, size(address)
        return
    # What is not ASCII in its path is encoded, as a browser does; what is encoded already stays.
    with urlopen(quote(address, safe="%:/[]!$&'()*+,;=~"), timeout=_SECONDS) as answer:
        length = answer.headers.get("Content-Length")
        yield answer, int(length) if length else None


def _extract(file: Path, folder: Path) -> None:
    """Take an archive apart; nothing of it goes outside of the folder, and no link leads there."""
    if file.name.lower().endswith(".zip"):
        with zipfile.ZipFile(file) as archive:
            _refuse_too_large(sum(info.file_size for info in archive.infolist()), file)
            archive.extractall(
                folder
            )  # which drops `..` and roots from names, and writes links as plain files
    else:
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")
            while archive.fileobj and archive.fileobj.read(_CHUNK):
                pass  # the checksum of what is compressed stands at its end, behind that of the tar
    file.unlink()


def _refuse_too_large(needed: int, file: Path) -> None:
    free = shutil.disk_usage(file.parent).free
    if needed > free:
        raise OSError(f"it needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free")


def _inner(folder: Path) -> Path:
    """Return the folder of classes: the one that an archive holds, if it holds but one, and no lists beside it."""
    folders = [
        entry
        for entry in folder.iterdir()
        if entry.is_dir() and entry.name != "__MACOSX" and not entry.name.startswith(".")
    ]
    listed = any((folder / name).exists() for name in LISTS)
    return folders[0] if len(folders) == 1 and folders[0].name != CATEGORIES and not listed else folder
