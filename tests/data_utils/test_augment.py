"""Augmentation: described, refused, and drawn afresh for each image and epoch, never in evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from data_utils.augment import (
    PRESETS,
    RandomCrop,
    RandomResizedCrop,
    centre_boxes,
    parse_augmentation,
)  # fmt: skip
from data_utils.batches import EvalBatches, TrainBatches
from data_utils.folder import ImageFolder
from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_source import PixelSource
from data_utils.pixel_store import PixelStore

SIZE = 63


def source(images: Path, spec: Any) -> PixelSource:
    """Return the folder's images under an augmentation."""
    store = PixelStore.of(ImageFolder(images), 70)
    return PixelSource(store, SIZE, NORMALIZATIONS["scratch"], torch.device("cpu"), parse_augmentation(spec))


@pytest.mark.parametrize("name", ["augment-1", "augment-2", "augment-3"])
def test_every_epoch_is_drawn_afresh_and_the_same_for_the_same_seed(images: Path, name: str) -> None:
    """All inputs of an epoch differ from the next epoch's, and agree with the same epoch's of an equal seed."""
    indices = np.arange(18)
    one, same, other = (TrainBatches(source(images, name), indices, 18, seed) for seed in (1, 1, 2))
    first, again, second, elsewhere = (
        next(iter(batches.epoch(number))) for batches, number in ((one, 1), (same, 1), (one, 2), (other, 1))
    )
    assert torch.equal(first.inputs, again.inputs)
    for later in (second, elsewhere):
        # Images are the same ones in another order: none of them is pixel for pixel what it was.
        assert not any(torch.equal(x, y) for x in first.inputs for y in later.inputs)


def test_evaluation_never_sees_any(images: Path) -> None:
    """Validation through an augmenting source is the plain centre crop."""
    plain, augmented = source(images, "none"), source(images, "augment-3")
    ours, theirs = (next(iter(EvalBatches(s, np.arange(18), 18))) for s in (augmented, plain))
    assert torch.equal(ours.inputs, theirs.inputs)


def test_crops_differ_from_image_to_image(images: Path) -> None:
    """Within a batch, each image has a corner of its own."""
    rng = np.random.default_rng(0)
    boxes = RandomCrop().boxes(np.full(500, 80), np.full(500, 90), SIZE, rng)
    assert (boxes.tops.min(), boxes.tops.max()) == (0, 80 - SIZE)
    assert (boxes.lefts.min(), boxes.lefts.max()) == (0, 90 - SIZE)
    assert len(set(zip(boxes.tops, boxes.lefts, strict=True))) > 200


def test_a_random_crop_is_a_piece_of_the_stored_image(images: Path) -> None:
    """Bit for bit, normalised like any other."""
    store = PixelStore.of(ImageFolder(images), 70)
    batch = source(images, ["random_crop"]).gather(np.array([4]), np.random.default_rng(7))
    boxes = RandomCrop().boxes(store.heights[[4]], store.widths[[4]], SIZE, np.random.default_rng(7))
    piece = store[4][boxes.tops[0] : boxes.tops[0] + SIZE, boxes.lefts[0] : boxes.lefts[0] + SIZE]
    expected = (torch.from_numpy(piece.copy()).permute(2, 0, 1).float() * (1 / 255) - 0.5) / 0.5
    assert torch.equal(batch.inputs[0], expected)


def test_resized_crops_stay_inside_and_keep_to_scale_and_ratio() -> None:
    """Boxes of 25 to 50 % of the area, between 3:4 and 4:3; the fallback is the largest central one."""
    crop = RandomResizedCrop(min_scale=0.25, max_scale=0.5)
    boxes = crop.boxes(np.full(300, 100), np.full(300, 200), SIZE, np.random.default_rng(0))
    areas, ratios = boxes.heights * boxes.widths / 20000, boxes.widths / boxes.heights
    assert areas.min() > 0.24
    assert areas.max() < 0.51
    assert ratios.min() > 0.72
    assert ratios.max() < 1.37
    assert (boxes.tops + boxes.heights <= 100).all()
    assert (boxes.lefts + boxes.widths <= 200).all()
    whole = RandomResizedCrop(1.0, 1.0).boxes(np.array([10]), np.array([100]), SIZE, np.random.default_rng(0))
    assert [int(side[0]) for side in whole] == [0, 43, 10, 13]


def test_the_centre_has_torchvisions_rounding() -> None:
    """Halves go to the even number."""
    boxes = centre_boxes(np.array([66, 67, 68]), np.array([64, 65, 63]), 63)
    assert boxes.tops.tolist() == [2, 2, 2]
    assert boxes.lefts.tolist() == [0, 1, 0]


def test_the_presets_are_the_papers() -> None:
    """Random crop, grayscale and flips; the third with a jitter that has strength."""
    assert [
        [next(iter(operation)) for operation in PRESETS[name]] for name in ("augment-1", "augment-2")
    ] == [
        ["random_crop", "grayscale", "horizontal_flip"],
        ["grayscale", "random_crop", "vertical_flip"],
    ]
    jitter = PRESETS["augment-3"][2]["color_jitter"]
    assert jitter == {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05}
    assert [name for name in PRESETS if parse_augmentation(name) is None] == ["none"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("augment-9", "must be one of none, augment-1, augment-2, augment-3, or a list of operations"),
        ([{"blur": {}}], "there is no operation 'blur'; there are random_crop"),
        ([{"rotation": {"angle": 3}}], "rotation has no parameter 'angle'; its parameters: degrees"),
        ([{"rotation": {"degrees": 200}}], "rotation: degrees must be from 0 to 180 but got 200"),
        ([{"horizontal_flip": {"p": "often"}}], "horizontal_flip: p must be a number but got 'often'"),
        (
            [{"random_resized_crop": {"min_scale": 0.9, "max_scale": 0.5}}],
            "min_scale must be from 0 to 0.5 but got 0.9",
        ),
        (
            [{"random_resized_crop": {"min_ratio": 1000, "max_ratio": 2000}}],
            "max_ratio must be from 0.01 to 100 but got 2000",
        ),
        (
            [{"random_resized_crop": {"max_ratio": float("inf")}}],
            "max_ratio must be from 0.01 to 100 but got inf",
        ),
        ([{"color_jitter": {"hue": 0.6}}], "hue must be from 0 to 0.5 but got 0.6"),
        ([{"random_crop": {}}, {"random_resized_crop": {}}], "holds 2 crops"),
        ([3], "an operation is written"),
    ],
)
def test_what_cannot_be_done_is_named(spec: Any, said: str) -> None:
    """With the operation, the parameter, the rule and the value."""
    with pytest.raises(ValueError, match=said):
        parse_augmentation(spec)
