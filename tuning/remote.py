"""Runs at S3 as commands are given them: `s3://bucket/prefix/name`, the server and the keys from the environment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_utils.errors import InputError, first_line
from data_utils.file_access import remove, write_bytes
from data_utils.places import (
    SCHEME,
    basename,
    endpoint_and_region,
    is_s3,
    parent,
    s3_place,
    s3_problem,
    shown,
    under,
)
from tuning.disk_full import is_disk_full


def place_given(path: str | Path) -> str:
    """Return the place of a folder, or of an s3 address, that a user gives to a command.

    Raises:
        InputError: no such address may be given.
    """
    if not is_s3(path):
        return str(Path(path).expanduser())
    url = str(path)
    if problem := s3_problem(url):
        raise InputError("an address at s3" if set("@?#") & set(url) else url, [problem])
    return s3_place(url)


def check_place(place: str) -> None:
    """Try whether a place at S3 can be written.

    Raises:
        InputError: it cannot.
    """
    probe = beside(place)
    try:
        write_bytes(probe, b"", patient=False)
        remove(probe, patient=False)
    except OSError as error:
        raise _unreachable(place, "written", error) from error


def beside(place: str) -> str:
    """Return where to write an object, of this process, that is no part of a run: one that stays takes no name."""
    return under(parent(place), f".{basename(place)}.{os.getpid()}.probe")


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Say of what fails to be read at S3 where it is, and what may be the matter; leave a disk's errors as they are.

    Raises:
        InputError: in place of S3's OSError.
    """
    try:
        yield
    except OSError as error:
        if not is_s3(place) or is_disk_full(error):
            raise
        raise _unreachable(place, "read", error) from error


def _unreachable(place: str, done: str, error: OSError) -> InputError:
    endpoint, region = endpoint_and_region(place)
    bucket = shown(place).removeprefix(SCHEME).partition("/")[0]
    at = f"at {endpoint or 'Amazon S3'}" + (f", region {region}" if region else "")
    problem = (
        f"cannot be {done} {at} ({first_line(error)}); bucket {bucket!r} must be there, s3.endpoint or AWS_ENDPOINT_URL name the "
        f"server, and AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY be keys to it"
    )
    return InputError(f"storage {shown(place)}", [problem])
