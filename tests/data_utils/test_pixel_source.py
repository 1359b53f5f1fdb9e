"""A store in a device's memory gives the same crops; here the device is the CPU."""

from pathlib import Path

import numpy as np
import torch

from data_utils.augment import RandomCrop, centre_boxes
from data_utils.folder import ImageFolder
from data_utils.pixel_source import ResidentPixels
from data_utils.pixel_store import PixelStore
from tests.conftest import save_image


def test_resident_crops_are_the_stores(images: Path) -> None:
    """Centre and random ones, in any order, an image twice."""
    store = PixelStore.of(ImageFolder(images), 70)
    resident = ResidentPixels(store, torch.device("cpu"))
    indices = np.array([17, 3, 3, 0])
    sides = store.heights[indices], store.widths[indices]
    for boxes in (centre_boxes(*sides, 64), RandomCrop().boxes(*sides, 64, np.random.default_rng(0))):
        crops = resident.crops(indices, boxes.tops, boxes.lefts, 64)
        for crop, index, top, left in zip(crops, indices, boxes.tops, boxes.lefts, strict=True):
            assert np.array_equal(crop.numpy(), store[index][top : top + 64, left : left + 64])


def test_resident_pixels_span_record_batches(tmp_path: Path) -> None:
    """Offsets go on from one record batch to the next."""
    for i in range(260):
        save_image(tmp_path / "few" / f"{i:03d}.png", np.full((4, 5, 3), i % 256, np.uint8))
    store = PixelStore.of(ImageFolder(tmp_path), 4)
    zeros = np.zeros(2, np.int64)
    crops = ResidentPixels(store, torch.device("cpu")).crops(np.array([255, 259]), zeros, zeros, 4)
    assert [int(crop[0, 0, 0]) for crop in crops] == [255, 3]
