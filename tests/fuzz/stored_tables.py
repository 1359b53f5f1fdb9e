"""Parquet: `upsweep results` and `upsweep report` name the table, whatever stands in it."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from tests.fuzz.cases import Kind, command
from tests.fuzz.damage import damaged
from tests.tuning.sweeps import write_sweep

TABLES = ("epochs", "trials", "test", "predictions")


@st.composite
def tables(draw: st.DrawFn, table: pa.Table) -> pa.Table:
    """Return a valid table that no sweep writes."""
    for _ in range(draw(st.integers(1, 3))):
        if not table.num_columns:
            return table
        place = draw(st.integers(0, table.num_columns - 1))
        name, column = table.column_names[place], table.column(place)
        match draw(
            st.sampled_from(
                ["drop", "null", "some null", "type", "none", "twice", "value", "order", "no columns"]
            )
        ):
            case "drop":
                table = table.remove_column(place)
            case "null":
                table = table.set_column(place, name, pa.nulls(len(table), column.type))
            case "some null":
                values = column.to_pylist()
                values[:1] = [None] * len(values[:1])
                table = table.set_column(place, name, pa.array(values, column.type))
            case "type":
                kind_of = draw(
                    st.sampled_from(
                        [pa.string(), pa.int8(), pa.float32(), pa.bool_(), pa.binary(), pa.timestamp("us")]
                    )
                )
                table = table.set_column(place, name, _cast(column, kind_of))
            case "none":
                table = table.slice(0, 0)
            case "twice":
                table = pa.concat_tables([table, table])
            case "value":
                table = table.set_column(
                    place, name, _filled(column, draw(st.sampled_from([0, -1, 2**31 - 1, -(2**31)])), draw)
                )
            case "order":
                table = table.take(pa.array(range(len(table))[::-1], pa.int64()))
            case "no columns":
                table = table.select([])
    return table


def _cast(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
    try:
        return column.cast(to, safe=False)
    except (pa.ArrowException, NotImplementedError):  # Arrow has no such cast: the type alone is foreign then
        return pa.nulls(len(column), to)


def _filled(column: pa.ChunkedArray, number: int, draw: st.DrawFn) -> pa.Array:
    kind_of, value = column.type, None
    if pa.types.is_floating(kind_of):
        value = draw(st.sampled_from([float(number), float("nan"), float("inf"), -0.0, 1e308]))
    elif pa.types.is_integer(kind_of):
        value = number
    elif pa.types.is_boolean(kind_of):
        value = bool(number)
    elif pa.types.is_string(kind_of):
        value = draw(
            st.sampled_from(
                ["", "\x1b[31m", "[red]", "</script>", "x" * 3000, "\0", "../x", "completed", "{"]
            )
        )
    elif pa.types.is_list(kind_of):
        value = draw(st.sampled_from([[], [None]]))
    return pa.array([value] * len(column), kind_of)


def kind(folder: Path) -> Kind:
    """Return the cases: a table's name and bytes, and how it is looked at."""
    write_sweep(folder / "sweep", trials=2, epochs=3)
    paths = {name: folder / "sweep" / f"{name}.parquet" for name in TABLES}
    good = {name: path.read_bytes() for name, path in paths.items()}
    valid = {name: pq.read_table(path) for name, path in paths.items()}

    def written(table: pa.Table) -> bytes:
        pq.write_table(table, sink := pa.BufferOutputStream())
        return sink.getvalue().to_pybytes()

    def of(name: str) -> st.SearchStrategy[tuple[str, bytes]]:
        odd = tables(valid[name]).map(written)
        return st.tuples(
            st.just(name),
            st.one_of(damaged(good[name], (b"PAR1", b"\0")), odd, odd, st.sampled_from([b"", b"PAR1"])),
        )

    looks = st.sampled_from(["table", "csv", "json", "sort", "report"])

    def run(case: tuple[tuple[str, bytes], str]) -> str:
        (name, data), look = case
        for other, path in paths.items():
            path.write_bytes(data if other == name else good[other])
        names: list[Any] = [paths[name]]
        match look:
            case "report":
                return command("report", folder / "sweep", names=names)
            case "sort":
                return command("results", folder, "--sort", "best_val_accuracy", names=names)
            case _:
                return command("results", folder / "sweep", "--format", look, names=names)

    return Kind("stored tables", st.tuples(st.sampled_from(TABLES).flatmap(of), looks), run)
