"""Files of torch.save, read whole or not at all; no code in them is run."""

import warnings
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import torch


def read_torch_file(path: Path, device: torch.device | str = "cpu") -> Any:
    """Return what a file holds, if that is tensors and plain values alone.

    Raises:
        pickle.UnpicklingError: it holds more.
        Exception: it is damaged; a broken file makes PyTorch raise nearly anything.
    """
    if is_zipfile(path):
        _check_records(path)
    with warnings.catch_warnings():  # of how long it may take
        warnings.simplefilter("ignore")
        return torch.load(path, device, weights_only=True)


def _check_records(path: Path) -> None:
    """Raise BadZipFile for a record that is damaged, which PyTorch would not notice, or that is larger than the file."""
    with ZipFile(path) as archive:
        if any(record.compress_type != ZIP_STORED for record in archive.infolist()):
            raise BadZipFile("holds compressed records, which torch.save never writes")
        if damaged := archive.testzip():
            raise BadZipFile(f"{damaged} in it is damaged")
