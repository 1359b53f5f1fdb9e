"""The embedded sample: scikit-learn's 1,797 real handwritten digits in Caltech-101's layout."""

import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from data_utils.caches import cache_dir
from data_utils.errors import InputError
from data_utils.folder import CATEGORIES
from data_utils.lists import BACKGROUND

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SIDE = 64
"""Pixels a side: the 8 x 8 originals enlarged, so that JPEG's own 8 x 8 blocks do not swallow a whole digit."""


def write_sample(folder: Path) -> Path:
    """Write the sample to `folder`, which must be new or empty, and return it.

    The two lists hold two thirds for train + validation and one third for test, class by class, and the background
    folder's few images like those of Caltech-101's course split. Written aside and renamed: whole or absent.
    """
    folder = folder.expanduser().resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(str(folder), ["is there already and not an empty folder; name a new one"])
    aside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        _write(aside)
        if folder.exists():
            folder.rmdir()
        aside.rename(folder)
    except OSError as error:
        raise InputError(str(folder), [f"cannot be written ({error}); name a folder that can"]) from error
    return folder


def cached_sample() -> Path:
    """Return the sample's folder in the cache, written there if it is missing."""
    folder = cache_dir() / f"sample-scikit-learn-{version('scikit-learn')}"
    try:
        if folder.is_dir():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            return folder if folder.is_dir() else write_sample(folder)
    except OSError as error:
        problem = f"the cache cannot be written ({error}); set UPSWEEP_CACHE to another folder"
        raise InputError(str(folder.parent), [problem]) from error


def _write(root: Path) -> None:
    from sklearn.datasets import load_digits  # slow to import, and needed this once

    digits = load_digits()
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for label, name in enumerate(NAMES):
        for place, index in enumerate(np.flatnonzero(digits.target == label)):
            file = f"{name}/image_{place + 1:04d}.jpg"
            _save(root / CATEGORIES / file, digits.images[index])
            lists["test" if place % 3 == 2 else "train"].append(file)
    rng = np.random.default_rng(0)
    for place in range(6):
        file = f"{BACKGROUND}/image_{place + 1:04d}.jpg"
        _save(root / CATEGORIES / file, rng.uniform(0, 16, size=(8, 8)))
        lists["test" if place % 3 == 2 else "train"].append(file)
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")


def _save(path: Path, pixels: np.ndarray) -> None:
    """Save 8 x 8 values from 0 to 16 as a grayscale JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    gray = Image.fromarray(np.rint(pixels * (255 / 16)).astype(np.uint8))
    gray.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=95)
