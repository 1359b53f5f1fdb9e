"""Changes of whole batches of images, each image by parameters of its own: (n, 3, height, width) float in [0, 1].

torchvision's functions take one set of parameters a call, and a call an image is thousands of launches a batch on a GPU. These
are its formulas over a batch; the tests hold each to torchvision image by image.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from data_utils.batches import to_device

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_LUMA = (0.2989, 0.587, 0.114)
"""torchvision's weights of red, green and blue in gray."""


def flipped(images: torch.Tensor, which: Flags, dim: int) -> torch.Tensor:
    """Return the images with those flagged reversed along `dim`."""
    return torch.where(_each(which, images), images.flip(dim), images)


def grayed(images: torch.Tensor, which: Flags) -> torch.Tensor:
    """Return the images with those flagged gray in all channels."""
    return torch.where(_each(which, images), _gray(images), images)


def rotated(images: torch.Tensor, degrees: Floats) -> torch.Tensor:
    """Return each image turned counter-clockwise about its centre, bilinear, black where nothing was."""
    radians = to_device(np.deg2rad(degrees), images.device).to(images.dtype)
    cos, sin = radians.cos(), radians.sin()
    height, width = images.shape[2:]
    zero = torch.zeros_like(cos)
    # In coordinates from -1 to 1, so a side's length enters where x and y mix.
    top = torch.stack([cos, -sin * height / width, zero], dim=1)
    bottom = torch.stack([sin * width / height, cos, zero], dim=1)
    grid = F.affine_grid(torch.stack([top, bottom], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def jittered(images: torch.Tensor, factors: Floats, orders: npt.NDArray[np.int64]) -> torch.Tensor:
    """Return the images with brightness, contrast, saturation and hue changed.

    Args:
        factors: (n, 4), of brightness, contrast, saturation (1 leaves as is) and hue (in turns; 0 leaves as is).
        orders: (n, 4), each row the order in which an image's four changes are made.
    """
    changes = (_brightness, _contrast, _saturation, _hue)
    neutral = (1.0, 1.0, 1.0, 0.0)
    images = images.clone()  # once; changed in place from here on
    for position in range(4):
        for number, change in enumerate(changes):
            due = np.flatnonzero((orders[:, position] == number) & (factors[:, number] != neutral[number]))
            if len(due):
                rows = to_device(due, images.device)
                amount = to_device(factors[due, number], images.device).to(images.dtype).view(-1, 1, 1, 1)
                images.index_copy_(0, rows, change(images[rows], amount))
    return images


def _each(flags: Flags, images: torch.Tensor) -> torch.Tensor:
    return to_device(flags, images.device).view(-1, 1, 1, 1)


def _gray(images: torch.Tensor) -> torch.Tensor:
    red, green, blue = images.unbind(1)
    return (_LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue).unsqueeze(1)


def _blend(images: torch.Tensor, others: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    return (share * images + (1 - share) * others).clamp(0, 1)


def _brightness(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return (images * factor).clamp(0, 1)


def _contrast(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return _blend(images, _gray(images).mean(dim=(1, 2, 3), keepdim=True), factor)


def _saturation(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return _blend(images, _gray(images), factor)


def _hue(images: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """Turn the hue by way of HSV, as Foley and van Dam define it: sextants of the colour hexagon."""
    high, low = images.amax(1), images.amin(1)
    chroma = high - low
    divisor = torch.where(chroma == 0, 1.0, chroma)
    red, green, blue = ((high - channel) / divisor for channel in images.unbind(1))
    r, g, _ = images.unbind(1)
    hue = torch.where(high == r, blue - green, torch.where(high == g, 2 + red - blue, 4 + green - red))
    hue = torch.where(chroma == 0, 0.0, hue / 6 + turn.squeeze(1))
    # Channel n of (5, 3, 1) is V - C * clamp(min(k, 4 - k), 0, 1) with k = (n + 6 H) mod 6.
    phases = torch.arange(5, 0, -2, device=images.device).view(1, 3, 1, 1)
    k = torch.remainder(phases + 6 * hue.unsqueeze(1), 6.0)
    return high.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(k, 4 - k).clamp(0, 1)
