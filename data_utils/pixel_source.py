"""From a pixel store to network inputs: crops, augmentation, normalisation, on the device."""

from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from data_utils.augment import Augmentation, Boxes, centre_boxes
from data_utils.batches import Batch, to_device
from data_utils.normalization import Normalization
from data_utils.pixel_store import PixelStore
from data_utils.splits import Indices

HEADROOM = 0.5
"""Share of a GPU's free memory that pixels may take; the rest is for networks."""


class PixelSource:
    """Crops of a pixel store, normalised; without augmentation bit for bit what `transforms.plain` gives.

    Args:
        store: images whose short side is at least `image_size`.
        image_size: pixels a side of the crop.
        normalization: mean and standard deviation for pixels in [0, 1].
        device: where the batches go. On a GPU whose memory has room, all pixels go there once.
        augmentation: applied when a batch is gathered with a generator.
    """

    def __init__(
        self,
        store: PixelStore,
        image_size: int,
        normalization: Normalization,
        device: torch.device,
        augmentation: Augmentation | None = None,
    ):
        self._store, self._size, self._device = store, image_size, device
        self._augmentation = augmentation
        self._labels = torch.from_numpy(store.labels.astype(np.int64)).to(device)
        # Tiled to a whole row of pixels: with three numbers alone the inner loop would be three long, and slow.
        self._mean = torch.tensor(normalization.mean, device=device).repeat(image_size)
        self._std = torch.tensor(normalization.std, device=device).repeat(image_size)

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return (n, 3, image_size, image_size) float inputs, channels last in memory."""
        rows = self._rows(indices, rng).sub_(self._mean).div_(self._std)
        inputs = rows.view(len(indices), self._size, self._size, 3).permute(0, 3, 1, 2)
        return Batch(inputs, self._labels[to_device(indices, self._device)])

    def pictures(self, indices: Indices, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Return augmented images as (n, image_size, image_size, 3) uint8, to be kept."""
        rows = self._rows(indices, rng).mul_(255).round_().to(torch.uint8)
        return np.asarray(rows.view(len(indices), self._size, self._size, 3).cpu().numpy())

    def _rows(self, indices: Indices, rng: np.random.Generator | None) -> torch.Tensor:
        """Return the images, augmented or not, in [0, 1], as (n * image_size, image_size * 3): a row of pixels each."""
        size = self._size
        augmentation = None if rng is None else self._augmentation
        heights, widths = self._store.heights[indices], self._store.widths[indices]
        if augmentation is None or rng is None:
            boxes = centre_boxes(heights, widths, size)
        else:
            boxes = augmentation.boxes(heights, widths, size, rng)
        rows = self._crops(indices, boxes).view(-1, size * 3).to(torch.float32)
        rows.mul_(1 / 255)  # as all that follows, in torchvision's own operations and order
        if augmentation is None or rng is None:
            return rows
        images = augmentation(rows.view(-1, size, size, 3).permute(0, 3, 1, 2), rng)
        return images.permute(0, 2, 3, 1).reshape(-1, size * 3)

    @cached_property
    def _resident(self) -> "ResidentPixels | None":
        """The pixels on the device, copied there by the first batch that wants any: features may be kept already."""
        return ResidentPixels(self._store, self._device) if fits(self._store.nbytes, self._device) else None

    def _crops(self, indices: Indices, boxes: Boxes) -> torch.Tensor:
        """Return (n, size, size, 3) uint8 crops on the device; a box of another size is resized to it."""
        if boxes.all_of(self._size) and (resident := self._resident) is not None:
            return resident.crops(indices, boxes.tops, boxes.lefts, self._size)
        crops = torch.empty(
            (len(indices), self._size, self._size, 3),
            dtype=torch.uint8,
            pin_memory=self._device.type == "cuda",
        )
        into = crops.numpy()
        for place, index in enumerate(indices):
            top, left, height, width = (int(side[place]) for side in boxes)
            crop = self._store[index][top : top + height, left : left + width]
            into[place] = crop if (height, width) == (self._size, self._size) else _resized(crop, self._size)
        return crops.to(self._device, non_blocking=True)


class ResidentPixels:
    """A whole store in a device's memory, so that a batch's crops are one gather and nothing crosses the bus."""

    def __init__(self, store: PixelStore, device: torch.device):
        self._flat = torch.empty(store.nbytes, dtype=torch.uint8, device=device)
        for start, chunk in store.chunks():
            # A writable copy, since torch warns of memory that it must not write.
            self._flat[start : start + len(chunk)] = torch.from_numpy(chunk.copy())
        self._offsets = torch.from_numpy(store.offsets.copy()).to(device)
        self._widths = torch.from_numpy(store.widths.astype(np.int64)).to(device)

    def crops(
        self, indices: Indices, tops: npt.NDArray[np.int64], lefts: npt.NDArray[np.int64], size: int
    ) -> torch.Tensor:
        """Return (n, size, size, 3) uint8: image i's square at (tops[i], lefts[i])."""
        device = self._flat.device
        which, top, left = (to_device(np.asarray(x, np.int64), device) for x in (indices, tops, lefts))
        width = self._widths[which]
        first = self._offsets[which] + (top * width + left) * 3
        rows = first[:, None] + torch.arange(size, device=device)[None, :] * (width * 3)[:, None]
        bytes_of_row = torch.arange(size * 3, device=device)
        return self._flat[rows[:, :, None] + bytes_of_row].view(len(indices), size, size, 3)


def fits(nbytes: int, device: torch.device) -> bool:
    """Return whether a GPU has room for this many bytes of data beside networks; a CPU reads its memory in place."""
    return device.type == "cuda" and nbytes < HEADROOM * torch.cuda.mem_get_info(device)[0]


def _resized(crop: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resize a (height, width, 3) crop to a square as torchvision's antialiased `resized_crop` does."""
    image = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None]
    resized = F.interpolate(image, [size, size], mode="bilinear", antialias=True)
    return np.asarray(resized[0].permute(1, 2, 0).numpy())
