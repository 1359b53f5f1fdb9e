"""A sealed file tells every change but those of its large column."""

from pathlib import Path

import pyarrow as pa
import pytest

from data_utils.sealed_arrow import SIZE, open_sealed, seal

TABLE = pa.table({"name": ["ant", "bee"], "pixels": pa.array([b"1" * 8, b"2" * 8], pa.large_binary())})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a sealed file."""
    path = tmp_path / "x.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    seal(path, "pixels")
    return path


def test_a_sealed_file_is_read(file: Path) -> None:
    """As it was written."""
    assert open_sealed(file, "pixels").read_all().equals(TABLE)


def test_a_changed_name_is_noticed_and_a_changed_pixel_is_not(file: Path) -> None:
    """The large column has no digest: reading it through would take too long."""
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"1" * 8, b"1" * 7 + b"3"))
    assert open_sealed(file, "pixels").read_all()["pixels"][0].as_py() == b"11111113"
    file.write_bytes(whole.replace(b"antbee", b"antbeg"))
    with pytest.raises(ValueError, match="is not as it was written"):
        open_sealed(file, "pixels")


@pytest.mark.parametrize("left", [0, 1, SIZE, 100])
def test_a_file_that_is_cut_off_is_refused(file: Path, left: int) -> None:
    """Wherever."""
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises((ValueError, OSError)):
        open_sealed(file, "pixels")
