"""A GPU's kernel gives what the CPU's own way gives; here Triton's interpreter runs it on the CPU."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import save_image

INTERPRETED = """
import sys

import numpy as np
import torch

from data_utils import pixel_source
from data_utils.augment import parse_augmentation
from data_utils.folder import ImageFolder
from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_store import PixelStore

def batch(store, spec, indices, resident):
    pixel_source.fits = lambda nbytes, device: resident
    source = pixel_source.PixelSource(
        store, 63, NORMALIZATIONS["transfer"], torch.device("cpu"), parse_augmentation(spec)
    )
    return source.gather(indices, np.random.default_rng(0))

store = PixelStore.of(ImageFolder(sys.argv[1]), 66)
for spec in ([], [{"random_crop": {}}], "augment-1", [{"random_resized_crop": {}}]):
    indices = np.array([int(index) for index in sys.argv[2:]])
    ours, theirs = (batch(store, spec, indices, resident) for resident in (True, False))
    assert ours.inputs.is_contiguous(memory_format=torch.channels_last)
    print(torch.equal(ours.inputs, theirs.inputs), torch.equal(ours.labels, theirs.labels))
"""


def equal_batches(folder: Path, indices: list[int]) -> list[str]:
    """Return, for each of four augmentations, whether inputs and labels are equal to the bit."""
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED, str(folder), *map(str, indices)],
        env=os.environ | {"TRITON_INTERPRET": "1"},  # read when Triton is imported
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_batches_from_a_gpus_memory_are_the_cpus_to_the_bit(images: Path) -> None:
    """Centre and random crops, normalised or augmented further, in any order, an image twice."""
    pytest.importorskip("triton", reason="PyTorch brings Triton on Linux alone")
    assert equal_batches(images, [17, 3, 3, 0]) == ["True True"] * 4


def test_pixels_are_found_beyond_the_first_record_batch(tmp_path: Path) -> None:
    """Offsets go on from one record batch to the next."""
    pytest.importorskip("triton", reason="PyTorch brings Triton on Linux alone")
    pixels = np.random.default_rng(0).integers(0, 256, (260, 66, 70, 3), np.uint8)
    for i, picture in enumerate(pixels):
        save_image(tmp_path / "few" / f"{i:03d}.png", picture)
    assert equal_batches(tmp_path, [255, 259, 256]) == ["True True"] * 4
