"""The plain way from a picture to a network's input, with torchvision: the reference that faster ways must equal."""

from typing import Any, NamedTuple

import torch
from torchvision.transforms import v2


class Normalization(NamedTuple):
    """Per-channel mean and standard deviation of pixels scaled to [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


NORMALIZATIONS = {
    "scratch": Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "transfer": Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""The two transforms of the paper differ in this alone; "transfer" is ImageNet's."""


def plain(normalization: Normalization, resize: int = 256, image_size: int = 224) -> Any:
    """Return the transform PIL image -> (3, image_size, image_size) float: resize short side, centre crop, normalise."""
    return v2.Compose(
        [
            v2.Resize(resize, antialias=True),
            v2.CenterCrop(image_size),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(normalization.mean, normalization.std),
        ]
    )
