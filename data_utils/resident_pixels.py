"""A whole store in a GPU's memory, so that no pixels cross the bus: a batch's crops are gathered there."""

import logging
from functools import cache

import numpy as np
import torch

from data_utils.augment import Boxes
from data_utils.batches import to_device
from data_utils.errors import first_line
from data_utils.pixel_store import PixelStore
from data_utils.splits import Indices

logger = logging.getLogger(__name__)

RESIZED_AT_ONCE = 64
"""Images resized together: what stands between their bytes and the result takes some 4 MB each at the usual sizes."""


class ResidentPixels:
    """The pixels of a store, copied to a device once."""

    def __init__(self, store: PixelStore, device: torch.device):
        self._flat = torch.empty(store.nbytes, dtype=torch.uint8, device=device)
        for start, chunk in store.chunks():
            # A writable copy, since torch warns of memory that it must not write.
            self._flat[start : start + len(chunk)] = torch.from_numpy(chunk.copy())
        self._offsets, self._widths = store.offsets.astype(np.int64), store.widths.astype(np.int64)

    def rows(self, indices: Indices, boxes: Boxes, size: int, values: torch.Tensor) -> torch.Tensor:
        """Return squares of images as (n * size, size * 3) fp32, a row of pixels each.

        By one kernel where `kernels_compile`; by PyTorch's indexing, which takes several passes and eight bytes of index for
        each byte of pixels, elsewhere.

        Args:
            boxes: where each image's square is; its sides are `size`.
            values: (256, 3) fp32 on the device: what a pixel's value becomes in each channel.
        """
        places = self._places(indices, boxes)
        if kernels_compile():
            from data_utils.crop_kernel import gather_rows

            return gather_rows(self._flat, places, values, size)
        return _indexed_rows(self._flat, places, values, size)

    def resized(self, indices: Indices, boxes: Boxes, size: int) -> torch.Tensor:
        """Return boxes of images, each resized to a square; see `resize_boxes`."""
        return resize_boxes(self._flat, self._places(indices, boxes), boxes, size)

    def _places(self, indices: Indices, boxes: Boxes) -> torch.Tensor:
        """Return (n, 2) int64 on the device: the first byte of each box, and from a row of its image to the next."""
        widths = self._widths[indices]
        first = self._offsets[indices] + (boxes.tops * widths + boxes.lefts) * 3
        return to_device(np.stack([first, widths * 3], axis=1), self._flat.device)


@cache
def kernels_compile() -> bool:
    """Return whether Triton can make a kernel in this process, and log once why if not: it needs a C compiler."""
    try:
        from data_utils.crop_kernel import try_it

        try_it()
    except Exception as error:  # Triton, its driver and the compiler that it calls raise nearly anything
        logger.warning(
            "Triton makes no kernels here (%s), so batches are gathered more slowly; install a C compiler and Python's "
            "headers: apt-get install gcc libc6-dev python3-dev",
            first_line(error),
        )
        return False
    return True


def _indexed_rows(flat: torch.Tensor, places: torch.Tensor, values: torch.Tensor, size: int) -> torch.Tensor:
    first, stride = places[:, 0], places[:, 1]
    starts = first[:, None] + torch.arange(size, device=flat.device) * stride[:, None]
    at = torch.arange(size * 3, device=flat.device)
    pixels = flat[starts.view(-1, 1) + at]
    return values.view(-1)[pixels.to(torch.int64) * 3 + at % 3]


def resize_boxes(flat: torch.Tensor, places: torch.Tensor, boxes: Boxes, size: int) -> torch.Tensor:
    """Return boxes of images, each resized to a square, as (n * size, size * 3) uint8, a row of pixels each.

    As torchvision's antialiased `resized_crop`, but for 1 of 255 in some pixels (2 at most), which that rounds twice: its
    weights as matrices, one product down and one across for many images at once.

    Args:
        flat: uint8 pixels on the device.
        places: (n, 2) int64 there: the first byte of each box, and from a row of its image to the next.
    """
    sides = to_device(np.stack([boxes.heights, boxes.widths], axis=1), flat.device)
    height, width = int(boxes.heights.max()), int(boxes.widths.max())
    parts = zip(*(torch.split(each, RESIZED_AT_ONCE) for each in (places, sides)), strict=True)
    return torch.cat([_resized(flat, first, part, height, width, size) for first, part in parts])


def _resized(
    flat: torch.Tensor, places: torch.Tensor, sides: torch.Tensor, height: int, width: int, size: int
) -> torch.Tensor:
    """Resize boxes of these (n, 2) sides, at most (height, width), that begin at `places`."""
    first, stride = places[:, 0], places[:, 1]
    starts = first[:, None] + torch.arange(height, device=flat.device) * stride[:, None]
    at = starts[:, :, None] + torch.arange(width * 3, device=flat.device)
    # Beyond a smaller box lie other pixels, whose weight is 0, and at last the end of all.
    pixels = flat[at.clamp_(max=len(flat) - 1)].to(torch.float32)
    down = _weights(sides[:, 0], height, size) @ pixels
    turned = down.view(-1, size, width, 3).transpose(1, 2).reshape(-1, width, size * 3)
    across = _weights(sides[:, 1], width, size) @ turned
    squares = across.view(-1, size, size, 3).transpose(1, 2)
    return squares.round().clamp_(0, 255).to(torch.uint8).reshape(-1, size * 3)


def _weights(sides: torch.Tensor, longest: int, size: int) -> torch.Tensor:
    """Return (n, size, longest) fp32: how much each pixel of a side of this length counts for each pixel of the square.

    The triangle of bilinear resizing, as wide as a pixel of the square or of the side, whichever is larger.
    """
    scale = (sides.to(torch.float32) / size)[:, None, None]
    centres = (torch.arange(size, device=sides.device)[:, None] + 0.5) * scale
    pixels = torch.arange(longest, device=sides.device)
    weights = (1 - (pixels + 0.5 - centres).abs() / scale.clamp(min=1)).clamp_(min=0)
    weights = weights * (pixels < sides[:, None, None])
    return weights / weights.sum(2, keepdim=True)
