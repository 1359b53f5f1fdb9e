"""Public data sets, by torchvision's downloader."""

import shutil
import tarfile
import tempfile
from pathlib import Path

from torchvision.datasets.utils import download_and_extract_archive

from data_utils.errors import InputError
from data_utils.folder import CATEGORIES

CALTECH101_URL = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
CALTECH101_MD5 = "3138e1922a9193bfa496528edbbc45d0"
"""The archive and its checksum, as torchvision names them."""


def fetch_dataset(name: str, folder: Path) -> Path:
    """Fetch a data set by name into `folder` and return what `data.root` should be.

    Raises:
        InputError: an unknown name, or as `fetch_caltech101`.
    """
    if name != "caltech101":
        raise InputError(name, ["no such data set; there is caltech101"])
    return fetch_caltech101(folder)


def fetch_caltech101(folder: Path, url: str = CALTECH101_URL, md5: str = CALTECH101_MD5) -> Path:
    """Fetch Caltech-101 (131 MB) into `folder`: its images are there whole, or not at all.

    Raises:
        InputError: the server cannot be reached, what it sends is not the archive, or the folder cannot be written.
    """
    if (folder / CATEGORIES).exists():
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as aside:
            download_and_extract_archive(url, aside, filename="caltech-101.zip", md5=md5)
            images = next(Path(aside).rglob(f"{CATEGORIES}.tar.gz"), None)
            if images is None:
                raise InputError(url, [f"the archive holds no {CATEGORIES}.tar.gz; fetch it by hand"])
            with tarfile.open(images) as archive:
                archive.extractall(aside, filter="data")
            shutil.move(Path(aside) / CATEGORIES, folder / CATEGORIES)
    except (OSError, RuntimeError, tarfile.TarError) as error:
        raise InputError(
            url, [f"cannot be fetched into {folder}: {error}; try again, or fetch it by hand"]
        ) from error
    return folder
