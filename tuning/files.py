"""A sweep's files: whole or absent, since they are written aside and renamed; whoever copies them elsewhere is told of each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from data_utils.errors import InputError, first_line
from data_utils.file_access import PART, matching, remove, renamed
from tuning.table_rules import check_values

Fields = list[tuple[str, pa.DataType]]


class Watching(Protocol):
    """Told of every file of a sweep that this process writes or removes, in that order."""

    def wrote(self, file: Path) -> None:
        """Hear that a file is whole."""

    def dropped(self, folder: Path, pattern: str) -> None:
        """Hear that what matched in a folder is gone, here if it was here."""


_watching: list[Watching] = []


@contextmanager
def watched(by: Watching) -> Iterator[None]:
    """Tell one more of files, as long as the context lasts."""
    _watching.append(by)
    try:
        yield
    finally:
        _watching.remove(by)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a place to write to, and rename it to `path` at the end: a file is whole or absent."""
    with renamed(path) as part:
        yield part
    for one in _watching:
        one.wrote(path)


def drop(folder: Path, pattern: str) -> None:
    """Remove the files and folders of a sweep that match a glob, without `**`, in its folder."""
    for place in matching(str(folder), pattern):
        remove(place)
    for one in _watching:
        one.dropped(folder, pattern)


def drop_parts(folder: Path) -> None:
    """Remove from a folder what a process that was killed while it wrote has left there."""
    for part in folder.glob(f".*{PART}"):
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], fields: Fields) -> None:
    """Write rows as Parquet with these columns, aside and renamed; what a row lacks is null."""
    write_columns(path, {name: [row.get(name) for row in rows] for name, _ in fields}, fields)


def write_columns(path: Path, columns: Mapping[str, Sequence[Any]], fields: Fields) -> None:
    """Write columns as Parquet, aside and renamed."""
    table = pa.Table.from_pydict(columns, pa.schema(fields))
    with aside(path) as part:
        pq.write_table(table, part, write_page_checksum=True)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read one of a sweep's tables as rows, null as None.

    Raises:
        InputError: it cannot be read, or holds what no sweep writes.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        check_values(path.stem, table)
        rows: list[dict[str, Any]] = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(str(path), [f"cannot be read as Parquet: {first_line(error)}"]) from error
    return rows
