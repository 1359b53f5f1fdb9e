"""The tables of many sweeps as one: found by a single walk, opened when they are asked for, given as dataframes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from pyarrow.fs import LocalFileSystem

from data_utils.errors import InputError, first_line
from data_utils.file_access import exists, is_folder, opened, walk
from data_utils.places import basename, is_s3, shown, under
from tuning.remote import place_given, reading
from tuning.sweep_file import SWEEP_FILE
from tuning.table_rules import check_values

RAY_FOLDER = "ray"
"""Ray's own folder in a sweep's folder; thousands of files, none of them ours."""
RESUMED = "resumed_"
"""In it, with a number, a folder for each time that the sweep has gone on."""

_CHECKED = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
"""Where a file has checksums, as ours do, a damaged page is an error and not other numbers."""

FOLDER = pa.field("folder", pa.string())
"""A column that no file holds: the folder of a row's sweep, relative to what was loaded, since a study and its smaller
version, say, have sweeps of the same names."""

_NAMED = 10
"""Sweeps that a message names at most."""


class Frames:
    """The tables of one sweep or several.

    Each is read once, when first asked for. A table that no sweep has yet, or that has no rows yet, is None. Older files
    that lack a column read as null there.

    Args:
        files: {table: its files}.
        schemas: {table: the columns of its files}.
        root: what was loaded, above all files, to which a column `folder` is relative; by default there is no such column.
    """

    def __init__(
        self, files: Mapping[str, Sequence[str]], schemas: Mapping[str, pa.Schema], root: str | None = None
    ):
        self._files, self._root = files, root
        self._schemas = {name: one.append(FOLDER) if root else one for name, one in schemas.items()}

    @cached_property
    def epochs(self) -> pd.DataFrame | None:
        """A row an epoch of a trial."""
        return self._whole("epochs")

    @cached_property
    def trials(self) -> pd.DataFrame | None:
        """A row a trial."""
        return self._whole("trials")

    @cached_property
    def test(self) -> pd.DataFrame | None:
        """A row a retrain."""
        return self._whole("test")

    @cached_property
    def predictions(self) -> pd.DataFrame | None:
        """A row a test image and retrain."""
        return self._whole("predictions")

    def sweeps(self, table: str) -> int:
        """Return how many sweeps have a table."""
        return len(self._files.get(table, ()))

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        filters: ds.Expression | list[Any] | None = None,
    ) -> pd.DataFrame:
        """Read a part of a table from its files, which are opened anew; without rows if there are none.

        Args:
            table: epochs, trials, test or predictions.
            columns: those to read, in this order; by default all.
            filters: which rows, as for `pandas.read_parquet`: `[("epoch", "<=", 10)]`, or a pyarrow expression. Both
                reach into the files, so that what is left out is not decoded.

        Raises:
            InputError: no such table or column, a filter that does not fit, or files that are no Parquet.
        """
        where = filters if filters is None or isinstance(filters, ds.Expression) else _expression(filters)
        part = {"columns": columns if columns is None else list(columns), "filter": where}
        try:  # what does not fit the schema fails here, not in a file
            scanner = self.scan(table).scanner(**part)
        except pa.ArrowException as error:
            said = first_line(error).partition(" in ")[0]  # Arrow goes on with the whole schema
            names = ", ".join(self._schemas[table].names)
            raise InputError(table, [f"cannot be selected so: {said}; its columns are {names}"]) from error
        try:
            found = scanner.to_table()
            check_values(table, found)
        except (pa.ArrowException, OSError):  # a file went since the walk, or is no Parquet
            found = self._one_by_one(table, part)
        frame: pd.DataFrame = found.to_pandas()
        return frame

    def without(self, *tables: str) -> Frames:
        """Return the same but for these tables, as if no sweep had them."""
        less = copy(self)
        for table in tables:
            vars(less).pop(table, None)
        less._files = {table: [] if table in tables else files for table, files in self._files.items()}
        return less

    def scan(self, table: str) -> ds.Dataset:
        """Return a table as a pyarrow Dataset, of no files if no sweep has it, for queries of your own.

        A Dataset remembers what it saw of its files: while a sweep is running, take a new one for each query.

        Raises:
            InputError: no such table.
        """
        return self._dataset(table, self._files_of(table))

    def check(self) -> None:
        """Open every file without reading its rows.

        Raises:
            InputError: files of a table that are no Parquet.
        """
        for table in self._files:
            self._one_by_one(table, {"columns": [], "filter": None})

    def _whole(self, table: str) -> pd.DataFrame | None:
        frame = self.read(table)
        return frame if len(frame) else None

    def _files_of(self, table: str) -> Sequence[str]:
        if table not in self._schemas:
            raise InputError(repr(table), [f"no such table; there are {', '.join(self._schemas)}"])
        return self._files[table]

    def _dataset(self, table: str, files: Iterable[str]) -> ds.Dataset:
        """Return files as a Dataset by the schema that we know; by itself it would open each to find out."""
        parquet = ds.ParquetFileFormat(default_fragment_scan_options=_CHECKED)
        places = [opened(file) for file in files]
        root = opened(self._root)[1] if self._root else None
        fragments = [parquet.make_fragment(path, system, _lies_in(root, path)) for system, path in places]
        system = places[0][0] if places else LocalFileSystem()
        return ds.FileSystemDataset(fragments, self._schemas[table], parquet, system)

    def _one_by_one(self, table: str, part: Mapping[str, Any]) -> pa.Table:
        """Read files singly: those that are gone count as never there, those that are no Parquet are named."""
        found, broken = [self._dataset(table, []).to_table(**part)], {}
        for file in self._files_of(table):
            try:
                one = self._dataset(table, [file]).to_table(**part)
                check_values(table, one)
                found.append(one)
            except FileNotFoundError:  # its sweep is being replaced
                continue
            except (pa.ArrowException, OSError) as error:
                broken[shown(file)] = f"cannot be read as Parquet: {first_line(error)}"
        if len(broken) == 1:
            [(file, problem)] = broken.items()
            raise InputError(file, [problem])
        if broken:
            raise InputError(table, [f"{file}: {problem}" for file, problem in broken.items()])
        return pa.concat_tables(found)


def walk_sweeps(root: str | Path, marks: Iterable[str]) -> Iterator[tuple[str, set[str]]]:
    """Yield a sweep's folder, or all sweeps' below, by the files that mark one; and which of these it holds.

    The root is on a disk or at S3.

    Hidden folders are left out, and Ray's within a sweep's.
    """
    marking = set(marks)
    for folder, folders, files in walk(str(root)):
        held = marking & set(files)
        hidden = {name for name in folders if name.startswith(".")} | ({RAY_FOLDER} if held else set())
        folders[:] = sorted(set(folders) - hidden)
        if held:
            yield folder, held
            if folder == str(root):  # a sweep's folder, whatever else was put into it
                return


def relative(root: str, folder: str) -> str:
    """Return a folder as the column `folder` has it; both are places on a disk or at S3."""
    return str(PurePosixPath(opened(folder)[1]).relative_to(opened(root)[1]))


def find_tables(path: str | Path, tables: Iterable[str], sweep: str | None = None) -> dict[str, list[str]]:
    """Return {table: its files}, of a sweep's folder or of all sweeps below, as `walk_sweeps`; nothing is opened.

    Args:
        sweep: a glob that the names of sweeps' folders must match, case and all.

    Raises:
        InputError: no such folder, no tables in it, or no sweep that matches.
    """
    root = place_given(path)
    with reading(root):
        return _find(root, tables, sweep, str(path))


def _find(root: str, tables: Iterable[str], sweep: str | None, path: str) -> dict[str, list[str]]:
    if not is_folder(root):
        raise InputError(path, ["no such folder; give a sweep's folder, or one that holds sweeps"])
    names = {f"{table}.parquet": table for table in tables}
    found: dict[str, list[str]] = {table: [] for table in names.values()}
    others: list[str] = []
    for folder, held in walk_sweeps(root, names):
        name = basename(folder) if is_s3(folder) else Path(folder).resolve().name
        if sweep is None or fnmatchcase(name, sweep):
            for file in held:
                found[names[file]].append(under(folder, file))
        else:
            others.append(name)
    if any(found.values()):
        return found
    if others:
        listed = ", ".join(others[:_NAMED]) + (", ..." if len(others) > _NAMED else "")
        raise InputError(path, [f"no sweep matches {sweep!r}; there is {listed}"])
    if exists(under(root, SWEEP_FILE)):
        raise InputError(path, ["has no tables yet: they come with its first epoch; try again then"])
    raise InputError(path, ["holds no sweep's tables; give a sweep's folder, or one that holds sweeps"])


def _lies_in(root: str | None, file: str) -> ds.Expression | None:
    """Return what Arrow is to know of all rows of a file: it fills the column by it, and opens no file that a filter rules out."""
    if root is None:
        return None
    return ds.field(FOLDER.name) == ds.scalar(str(PurePosixPath(file).parent.relative_to(root)))


def _expression(filters: list[Any]) -> ds.Expression:
    try:
        return pq.filters_to_expression(filters)
    except (TypeError, ValueError) as error:
        problem = f"{filters!r} is no filter ({error}); give [(column, '>', value), ...]"
        raise InputError("filters", [problem]) from error
