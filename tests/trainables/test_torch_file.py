"""Files of torch.save: whole, or refused; and they run nothing."""

import os
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import pytest
import torch

from trainables.torch_file import read_torch_file


class Evil:
    """Pickled, it asks whoever opens it to make a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(tmp_path: Path, zipped: bool) -> None:
    """In either of PyTorch's formats."""
    torch.save({"a": Evil(tmp_path / "ran")}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnpicklingError):
        read_torch_file(tmp_path / "x.pt")
    assert not (tmp_path / "ran").exists()


def test_a_flipped_bit_of_a_number_is_noticed(tmp_path: Path) -> None:
    """PyTorch itself would read another number."""
    path = tmp_path / "x.pt"
    torch.save({"a": torch.full((100,), 7.0)}, path)
    whole = path.read_bytes()
    assert read_torch_file(path)["a"][50] == 7
    place = whole.index(b"\0\0\xe0\x40" * 100)
    path.write_bytes(whole[: place + 203] + b"\x41" + whole[place + 204 :])
    with pytest.raises(zipfile.BadZipFile, match="data/0 in it is damaged"):
        read_torch_file(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """torch.save compresses nothing."""
    with zipfile.ZipFile(tmp_path / "x.pt", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data/0", bytes(10**7))
    with pytest.raises(zipfile.BadZipFile, match=r"compressed records, which torch\.save never writes"):
        read_torch_file(tmp_path / "x.pt")
