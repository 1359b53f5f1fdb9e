"""Augmentation of training images: what may be done, with which parameters; per-image randomness on whole batches.

Parameters are drawn with an explicit generator, one of each an image. The pixels are changed by `data_utils.image_ops`.
Describing and checking an augmentation needs no PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Ints = npt.NDArray[np.int64]
Rng = np.random.Generator

Spec = list[dict[str, dict[str, Any]]]
"""An augmentation as a sweep file writes it: [{operation: {parameter: value}}, ...]."""

PRESETS: dict[str, Spec] = {
    "none": [],
    "augment-1": [{"random_crop": {}}, {"grayscale": {}}, {"horizontal_flip": {}}],
    "augment-2": [{"grayscale": {}}, {"random_crop": {}}, {"vertical_flip": {}}],
    "augment-3": [
        {"random_crop": {}},
        {"horizontal_flip": {}},
        {"color_jitter": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.05}},
    ],
}
"""The paper's three sets by name. Its jitter had no strength; ours has."""


class Boxes(NamedTuple):
    """A crop an image: its upper left corner and its sides, in pixels."""

    tops: Ints
    lefts: Ints
    heights: Ints
    widths: Ints

    def all_of(self, size: int) -> bool:
        """Return whether every box is a square of this size."""
        return bool((self.heights == size).all() and (self.widths == size).all())


def centre_boxes(heights: Ints, widths: Ints, size: int) -> Boxes:
    """Return the centre squares, with torchvision's rounding."""
    tops, lefts = (np.rint((sides - size) / 2.0).astype(np.int64) for sides in (heights, widths))
    return Boxes(tops, lefts, np.full_like(tops, size), np.full_like(lefts, size))


class Crop(Protocol):
    """An operation that chooses where the network's square is taken from."""

    def boxes(self, heights: Ints, widths: Ints, size: int, rng: Rng) -> Boxes:
        """Return a box for each image of these sides."""


class PixelOperation(Protocol):
    """An operation on (n, 3, size, size) float images in [0, 1]."""

    def __call__(self, images: torch.Tensor, rng: Rng) -> torch.Tensor:
        """Return the changed images; the given ones may be changed too."""


@dataclass(frozen=True)
class RandomCrop:
    """A square anywhere in the image, each place as likely."""

    def boxes(self, heights: Ints, widths: Ints, size: int, rng: Rng) -> Boxes:
        """Draw each image's corner."""
        tops, lefts = (rng.integers(0, sides - size, endpoint=True) for sides in (heights, widths))
        return Boxes(tops, lefts, np.full_like(tops, size), np.full_like(lefts, size))


@dataclass(frozen=True)
class RandomResizedCrop:
    """A box of random area and aspect, resized to the square: torchvision's `RandomResizedCrop`."""

    min_scale: float = 0.08
    """Least share of the image's area."""
    max_scale: float = 1.0
    """Largest share of the image's area."""
    min_ratio: float = 3 / 4
    """Least width over height."""
    max_ratio: float = 4 / 3
    """Largest width over height."""

    def __post_init__(self) -> None:
        _check_range("min_scale", self.min_scale, 0, self.max_scale)
        _check_range("max_scale", self.max_scale, self.min_scale, 1)
        _check_range("max_ratio", self.max_ratio, 0.01, 100)
        _check_range("min_ratio", self.min_ratio, 0.01, self.max_ratio)

    def boxes(self, heights: Ints, widths: Ints, size: int, rng: Rng) -> Boxes:
        """Draw each image's box: ten tries, then the largest central one that the ratios allow."""
        drawn = [self._box(int(h), int(w), rng) for h, w in zip(heights, widths, strict=True)]
        return Boxes(*(np.array(side, np.int64) for side in zip(*drawn, strict=True)))

    def _box(self, height: int, width: int, rng: Rng) -> tuple[int, int, int, int]:
        scales = rng.uniform(self.min_scale, self.max_scale, 10)
        ratios = np.exp(rng.uniform(math.log(self.min_ratio), math.log(self.max_ratio), 10))
        for scale, ratio in zip(scales, ratios, strict=True):
            w = round(math.sqrt(height * width * scale * ratio))
            h = round(math.sqrt(height * width * scale / ratio))
            if 0 < w <= width and 0 < h <= height:
                return int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1)), h, w
        ratio = min(max(width / height, self.min_ratio), self.max_ratio)
        h, w = min(height, max(1, round(width / ratio))), min(width, max(1, round(height * ratio)))
        return (height - h) // 2, (width - w) // 2, h, w


@dataclass(frozen=True)
class HorizontalFlip:
    """Left for right, with probability p."""

    p: float = 0.5

    def __post_init__(self) -> None:
        _check_range("p", self.p, 0, 1)

    def __call__(self, images: torch.Tensor, rng: Rng) -> torch.Tensor:
        """Flip the images drawn."""
        from data_utils.image_ops import flipped

        return flipped(images, rng.random(len(images)) < self.p, dim=3)


@dataclass(frozen=True)
class VerticalFlip:
    """Top for bottom, with probability p."""

    p: float = 0.5

    def __post_init__(self) -> None:
        _check_range("p", self.p, 0, 1)

    def __call__(self, images: torch.Tensor, rng: Rng) -> torch.Tensor:
        """Flip the images drawn."""
        from data_utils.image_ops import flipped

        return flipped(images, rng.random(len(images)) < self.p, dim=2)


@dataclass(frozen=True)
class Rotation:
    """Turned about its centre by an angle between -degrees and degrees, corners filled with black."""

    degrees: float = 90.0

    def __post_init__(self) -> None:
        _check_range("degrees", self.degrees, 0, 180)

    def __call__(self, images: torch.Tensor, rng: Rng) -> torch.Tensor:
        """Turn each image by an angle of its own."""
        from data_utils.image_ops import rotated

        return rotated(images, rng.uniform(-self.degrees, self.degrees, len(images)))


@dataclass(frozen=True)
class Grayscale:
    """Gray in all three channels, with probability p."""

    p: float = 1.0

    def __post_init__(self) -> None:
        _check_range("p", self.p, 0, 1)

    def __call__(self, images: torch.Tensor, rng: Rng) -> torch.Tensor:
        """Take the colour from the images drawn."""
        from data_utils.image_ops import grayed

        return grayed(images, rng.random(len(images)) < self.p)


@dataclass(frozen=True)
class ColorJitter:
    """Brightness, contrast, saturation and hue, each by a factor of its own, in an order of the image's own.

    As torchvision's `ColorJitter`: factors are drawn from [1 - strength, 1 + strength], hue from [-strength, strength]
    of a full turn.
    """

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            _check_range(name, getattr(self, name), 0, 1)
        _check_range("hue", self.hue, 0, 0.5)

    def __call__(self, images: torch.Tensor, rng: Rng) -> torch.Tensor:
        """Change each image's colours."""
        from data_utils.image_ops import jittered

        count = len(images)
        strengths = (self.brightness, self.contrast, self.saturation)
        factors = [rng.uniform(1 - strength, 1 + strength, count) for strength in strengths]
        factors.append(rng.uniform(-self.hue, self.hue, count))
        orders = rng.permuted(np.tile(np.arange(4), (count, 1)), axis=1)
        return jittered(images, np.stack(factors, axis=1), orders)


CROPS: dict[str, type[Any]] = {"random_crop": RandomCrop, "random_resized_crop": RandomResizedCrop}
PIXEL_OPERATIONS: dict[str, type[Any]] = {
    "horizontal_flip": HorizontalFlip,
    "vertical_flip": VerticalFlip,
    "rotation": Rotation,
    "grayscale": Grayscale,
    "color_jitter": ColorJitter,
}
OPERATIONS = CROPS | PIXEL_OPERATIONS
"""{name in a sweep file: operation}."""


@dataclass(frozen=True)
class Augmentation:
    """At most one crop, which comes first wherever it is written, then pixel operations in their order.

    Without a crop the centre is taken, as in evaluation.
    """

    crop: Crop | None
    operations: tuple[PixelOperation, ...]

    def boxes(self, heights: Ints, widths: Ints, size: int, rng: Rng) -> Boxes:
        """Return where each image's square is taken from."""
        if self.crop is None:
            return centre_boxes(heights, widths, size)
        return self.crop.boxes(heights, widths, size, rng)

    def __call__(self, images: torch.Tensor, rng: Rng) -> torch.Tensor:
        """Return (n, 3, size, size) float images in [0, 1] with every operation applied."""
        for operation in self.operations:
            images = operation(images, rng)
        return images


def operations(spec: str | Sequence[Any]) -> Spec:
    """Return a preset's operations by its name, or the given ones, each as {name: {parameter: value}}."""
    return [
        {item: {}} if isinstance(item, str) else item
        for item in (PRESETS[spec] if isinstance(spec, str) else spec)
    ]


def parse_augmentation(spec: str | Sequence[Any]) -> Augmentation | None:
    """Return the augmentation of a preset's name, or of a list of {operation: {parameter: value}}; None for none.

    Raises:
        ValueError: an unknown name, operation or parameter, or an impossible value.
    """
    if isinstance(spec, str) and spec not in PRESETS:
        raise ValueError(f"must be one of {', '.join(PRESETS)}, or a list of operations, but got {spec!r}")
    parsed = [_operation(item) for item in operations(spec)]
    crops: list[Crop] = [
        operation for operation in parsed if isinstance(operation, RandomCrop | RandomResizedCrop)
    ]
    if len(crops) > 1:
        raise ValueError(f"holds {len(crops)} crops; a network sees one square, so give one")
    if not parsed:
        return None
    return Augmentation(crops[0] if crops else None, tuple(op for op in parsed if op not in crops))


def _operation(item: Any) -> Any:
    if not isinstance(item, dict) or len(item) != 1:
        raise ValueError(f"an operation is written {{name: {{parameter: value}}}}, but got {item!r}")
    ((name, parameters),) = item.items()
    if name not in OPERATIONS:
        raise ValueError(f"there is no operation {name!r}; there are {', '.join(OPERATIONS)}")
    known = [field.name for field in fields(OPERATIONS[name])]
    for key, value in (parameters or {}).items():
        if key not in known:
            there_are = ", ".join(known) or "none"
            raise ValueError(f"{name} has no parameter {key!r}; its parameters: {there_are}")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name}: {key} must be a number but got {value!r}")
    try:
        return OPERATIONS[name](**(parameters or {}))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low:g} to {high:g} but got {value}")
