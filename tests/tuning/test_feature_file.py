"""Features on disk: written batch by batch, whole or absent."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tuning.feature_file import write_features

NUMBERS = np.arange(10, dtype=np.float32).reshape(5, 2)


def test_batches_come_back_as_rows(tmp_path: Path) -> None:
    """In their order, each a list of fixed size; a batch is a row group, so that a reader too can go by parts."""
    path = tmp_path / "f.parquet"
    write_features(
        path, list("abcde"), ["x", "x", "y", "y", "y"], [NUMBERS[:3], NUMBERS[3:]], {"layer": "fc7"}
    )
    table = pq.read_table(path)
    assert table.schema.field("features").type == pa.list_(pa.float32(), 2)
    assert table["path"].to_pylist() == list("abcde")
    assert table["label"].to_pylist() == ["x", "x", "y", "y", "y"]
    assert table["features"].to_pylist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert table.schema.metadata[b"layer"] == b"fc7"
    assert pq.ParquetFile(path).num_row_groups == 2


def test_a_batch_is_written_before_the_next_is_asked_for(tmp_path: Path) -> None:
    """A large folder never lies in memory."""
    sizes: list[int] = []

    def batches() -> Iterator[npt.NDArray[np.float32]]:
        for _ in range(3):
            yield np.random.default_rng(0).random((64, 1000), dtype=np.float32)
            (part,) = tmp_path.iterdir()
            sizes.append(part.stat().st_size)

    write_features(tmp_path / "f.parquet", ["a"] * 192, ["x"] * 192, batches(), {})
    assert 0 < sizes[0] < sizes[1] < sizes[2]


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """Neither the file nor its part."""

    def batches() -> Iterator[npt.NDArray[np.float32]]:
        yield NUMBERS
        raise RuntimeError("as told")

    with pytest.raises(RuntimeError, match="as told"):
        write_features(tmp_path / "f.parquet", list("abcde"), list("abcde"), batches(), {})
    assert not list(tmp_path.iterdir())
