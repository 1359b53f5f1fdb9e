"""The plain way from a picture to a network's input, with torchvision: the reference that faster ways must equal."""

from typing import Any

import torch
from torchvision.transforms import v2

from data_utils.normalization import Normalization


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
