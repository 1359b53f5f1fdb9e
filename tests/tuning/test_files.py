"""Files that are whole or absent."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from data_utils.errors import InputError
from tuning.files import drop_parts, read_rows, write_table

KILLED_WHILE_IT_WRITES = """
import os, signal, sys
from pathlib import Path
from tuning.files import aside
with aside(Path(sys.argv[1])) as part:
    part.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_left_is_dropped_and_nothing_else(tmp_path: Path) -> None:
    """Files and folders that are not whole; a hidden file of another's stays."""
    written = [sys.executable, "-c", KILLED_WHILE_IT_WRITES, str(tmp_path / "table")]
    assert subprocess.run(written, cwd=Path(__file__).parents[2], check=False).returncode == -9
    assert len(list(tmp_path.glob(".table.*"))) == 1
    (tmp_path / ".journal.part").mkdir()
    (tmp_path / ".journal.part" / "trial_00000.json").touch()
    (tmp_path / ".hidden").touch()
    drop_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".hidden"]


def test_a_flipped_bit_in_a_table_is_named(tmp_path: Path) -> None:
    """In a text, where it would be no text any more, and in a number, where it would be another."""
    file = tmp_path / "t.parquet"
    for value, kind in (("some text", pa.string()), (0x0123456789ABCDEF, pa.int64())):
        write_table(file, [{"a": value}], [("a", kind)])
        whole = bytearray(file.read_bytes())
        sought = value.encode() if isinstance(value, str) else value.to_bytes(8, "little")
        whole[whole.index(sought) + 1] ^= 0x80
        file.write_bytes(bytes(whole))
        with pytest.raises(InputError, match=r"t\.parquet: cannot be read as Parquet: "):
            read_rows(file)
