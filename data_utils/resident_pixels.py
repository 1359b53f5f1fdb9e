"""A whole store in a GPU's memory: a batch's crops are gathered, scaled and normalised by one kernel, and nothing crosses the bus."""

import numpy as np
import torch
import triton
import triton.language as tl

from data_utils.augment import Boxes
from data_utils.batches import to_device
from data_utils.pixel_store import PixelStore
from data_utils.splits import Indices


class ResidentPixels:
    """The pixels of a store, copied to a device once.

    What PyTorch's own indexing would do here in six passes over memory, with eight bytes of index for each byte of pixels,
    took longer than a fifth of AlexNet's step.
    """

    def __init__(self, store: PixelStore, device: torch.device):
        self._flat = torch.empty(store.nbytes, dtype=torch.uint8, device=device)
        for start, chunk in store.chunks():
            # A writable copy, since torch warns of memory that it must not write.
            self._flat[start : start + len(chunk)] = torch.from_numpy(chunk.copy())
        self._offsets, self._widths = store.offsets.astype(np.int64), store.widths.astype(np.int64)

    def rows(self, indices: Indices, boxes: Boxes, size: int, values: torch.Tensor) -> torch.Tensor:
        """Return squares of images as (n * size, size * 3) fp32, a row of pixels each.

        Args:
            boxes: where each image's square is; its sides are `size`.
            values: (256, 3) fp32 on the device: what a pixel's value becomes in each channel.
        """
        widths = self._widths[indices]
        first = self._offsets[indices] + (boxes.tops * widths + boxes.lefts) * 3
        places = to_device(np.stack([first, widths * 3], axis=1), self._flat.device)
        rows = torch.empty((len(indices) * size, size * 3), device=self._flat.device)
        block = triton.next_power_of_2(size * 3)
        _gather_rows[(len(indices), size)](self._flat, places, values, rows, size, block=block)
        return rows


@triton.jit  # type: ignore[untyped-decorator]  # Triton has no types
def _gather_rows(flat, places, values, rows, size, block: tl.constexpr):  # type: ignore[no-untyped-def]  # Triton's own language
    """Write row `y` of image `i`'s square: one program a row."""
    i, y = tl.program_id(0).to(tl.int64), tl.program_id(1)
    start = tl.load(places + 2 * i) + y * tl.load(places + 2 * i + 1)
    at = tl.arange(0, block)
    inside = at < size * 3
    pixels = tl.load(flat + start + at, mask=inside, other=0).to(tl.int32)
    tl.store(rows + (i * size + y) * (size * 3) + at, tl.load(values + pixels * 3 + at % 3), mask=inside)
