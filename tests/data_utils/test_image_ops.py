"""Whole-batch changes, each held to torchvision's own function image by image."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from data_utils.image_ops import flipped, grayed, jittered, rotated

COUNT = 12


@pytest.fixture
def batch() -> torch.Tensor:
    """Return float images in [0, 1] that are not square, with grays, blacks and whites among the pixels."""
    images = torch.rand(COUNT, 3, 20, 31, generator=torch.Generator().manual_seed(0))
    images[0] = 0.5
    images[1, :, :10] = 0
    images[2, :, :10] = 1
    return images


def test_flips_and_grays_are_exact(batch: torch.Tensor) -> None:
    """Only the flagged images change."""
    which = np.arange(COUNT) % 2 == 0
    across, down, gray = flipped(batch, which, 3), flipped(batch, which, 2), grayed(batch, which)
    for i in range(COUNT):
        for ours, function in (
            (across, tv.horizontal_flip),
            (down, tv.vertical_flip),
            (gray, lambda image: tv.rgb_to_grayscale(image, num_output_channels=3)),
        ):
            expected = function(batch[i]) if which[i] else batch[i]
            torch.testing.assert_close(ours[i], expected, rtol=0, atol=1e-6)


def test_each_image_is_rotated_by_its_own_angle(batch: torch.Tensor) -> None:
    """Bilinear about the centre, black outside."""
    degrees = np.linspace(-90, 90, COUNT)
    ours = rotated(batch, degrees)
    for i, angle in enumerate(degrees):
        expected = tv.rotate(batch[i], float(angle), interpolation=tv.InterpolationMode.BILINEAR)
        torch.testing.assert_close(ours[i], expected, rtol=0, atol=1e-4)


def test_each_image_is_jittered_by_factors_and_in_an_order_of_its_own(batch: torch.Tensor) -> None:
    """All four changes, in all kinds of order, factors beyond neutral on both sides."""
    rng = np.random.default_rng(0)
    factors = np.column_stack(
        [*(rng.uniform(0.5, 1.5, COUNT) for _ in range(3)), rng.uniform(-0.5, 0.5, COUNT)]
    )
    factors[3] = (1, 1, 1, 0)
    orders = rng.permuted(np.tile(np.arange(4), (COUNT, 1)), axis=1)
    ours = jittered(batch, factors, orders)
    functions = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
    for i in range(COUNT):
        expected = batch[i]
        for number in orders[i]:
            expected = functions[number](expected, float(factors[i, number]))
        torch.testing.assert_close(ours[i], expected, rtol=0, atol=2e-4)
    assert torch.equal(ours[3], batch[3])
