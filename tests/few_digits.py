"""A little of the embedded sample, for sweeps that are about anything but accuracy: an epoch takes a fraction of a second."""

import os
from pathlib import Path

from data_utils.sample import write_sample

EACH = 12
"""Images of each of the ten classes: 40 train, 40 validate, 40 test."""


def few_digits() -> Path:
    """Return their folder in the tests' cache, written when first asked for."""
    place = Path(os.environ["UPSWEEP_CACHE"]) / "few_digits"
    return place if place.is_dir() else write_digits(place, EACH)


def write_digits(place: Path, each: int) -> Path:
    """Write so many images of each class, without lists, to a new folder."""
    root = write_sample(place)
    for listed in root.glob("*.txt"):
        listed.unlink()
    for image in sorted(root.rglob("*.jpg")):
        if int(image.stem.removeprefix("image_")) > each:
            image.unlink()
    return root
