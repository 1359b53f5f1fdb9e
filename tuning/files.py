"""Files that are whole or absent: written aside and renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_utils.errors import InputError

Fields = list[tuple[str, pa.DataType]]

PART = ".part"
"""How the names of files end that are not whole yet."""


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Give a place to write to, and rename it to `path` at the end: a file is whole or absent."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())  # as any new file, where mkstemp's are the user's alone
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


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
    """Read a Parquet file as rows, null as None.

    Raises:
        InputError: it cannot be read.
    """
    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise InputError(str(path), [f"cannot be read as Parquet: {error}"]) from error
    return rows


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
