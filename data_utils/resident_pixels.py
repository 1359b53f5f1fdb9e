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
        widths = self._widths[indices]
        first = self._offsets[indices] + (boxes.tops * widths + boxes.lefts) * 3
        places = to_device(np.stack([first, widths * 3], axis=1), self._flat.device)
        if kernels_compile():
            from data_utils.crop_kernel import gather_rows

            return gather_rows(self._flat, places, values, size)
        return _indexed_rows(self._flat, places, values, size)


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
