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
from data_utils.resident_pixels import ResidentPixels, resize_boxes
from data_utils.splits import Indices

HEADROOM = 0.5
"""Share of a training's memory on a GPU that data may take; the rest is for the network."""


class PixelSource:
    """Crops of a pixel store, normalised; without augmentation bit for bit what `transforms.plain` gives.

    Args:
        store: images whose short side is at least `image_size`.
        image_size: pixels a side of the crop.
        normalization: mean and standard deviation for pixels in [0, 1].
        device: where the batches go. On a GPU whose memory has room, all pixels go there once.
        augmentation: applied when a batch is gathered with a generator.
        gpu_share: how much of a GPU this training has, as in `fits`.
    """

    def __init__(
        self,
        store: PixelStore,
        image_size: int,
        normalization: Normalization,
        device: torch.device,
        augmentation: Augmentation | None = None,
        gpu_share: float = 1.0,
    ):
        self._store, self._size, self.device = store, image_size, device
        self._augmentation, self._gpu_share = augmentation, gpu_share
        self._labels = store.labels.astype(np.int64)
        # Tiled to a whole row of pixels: with three numbers alone the inner loop would be three long, and slow.
        self._mean = torch.tensor(normalization.mean, device=device).repeat(image_size)
        self._std = torch.tensor(normalization.std, device=device).repeat(image_size)

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return (n, 3, image_size, image_size) float inputs, channels last in memory."""
        rows = self._rows(indices, rng, normalized=True)
        inputs = rows.view(len(indices), self._size, self._size, 3).permute(0, 3, 1, 2)
        return Batch(inputs, to_device(self._labels[indices], self.device))

    def pictures(self, indices: Indices, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Return augmented images as (n, image_size, image_size, 3) uint8, to be kept."""
        rows = self._rows(indices, rng, normalized=False).mul_(255).round_().to(torch.uint8)
        return np.asarray(rows.view(len(indices), self._size, self._size, 3).cpu().numpy())

    def _rows(self, indices: Indices, rng: np.random.Generator | None, *, normalized: bool) -> torch.Tensor:
        """Return the images, augmented or not, as (n * image_size, image_size * 3): a row of pixels each.

        They are in [0, 1] unless `normalized`.
        """
        size = self._size
        augmentation = None if rng is None else self._augmentation
        heights, widths = self._store.heights[indices], self._store.widths[indices]
        if augmentation is None or rng is None:
            boxes = centre_boxes(heights, widths, size)
        else:
            boxes = augmentation.boxes(heights, widths, size, rng)
        operations = augmentation.operations if augmentation else ()
        fused = normalized and not operations
        resident, whole = self._resident, boxes.all_of(size)
        if resident is None and (whole or self.device.type == "cpu"):
            rows = _scaled(self._crops(indices, boxes).view(-1, size * 3))
        elif resident is None:  # by what resizes those that lie there: numbers must not hang on a GPU's room
            rows = _scaled(resize_boxes(*self._packed(indices, boxes), boxes, size))
        elif not whole:
            rows = _scaled(resident.resized(indices, boxes, size))
        else:
            rows = resident.rows(
                indices, boxes, size, self._normalized_values if fused else self._scaled_values
            )
            if fused:
                return rows
        if augmentation is not None and rng is not None and operations:
            images = augmentation(rows.view(-1, size, size, 3).permute(0, 3, 1, 2), rng)
            rows = images.permute(0, 2, 3, 1).reshape(-1, size * 3)
        return rows.sub_(self._mean).div_(self._std) if normalized else rows

    @cached_property
    def _scaled_values(self) -> torch.Tensor:
        """What each of a pixel's 256 values is in [0, 1], (256, 3): by the same operations as of images, so the same."""
        return _scaled(torch.arange(256, dtype=torch.uint8, device=self.device)[:, None].expand(256, 3))

    @cached_property
    def _normalized_values(self) -> torch.Tensor:
        """The same, normalised in each channel."""
        return self._scaled_values.sub(self._mean[:3]).div_(self._std[:3])

    @cached_property
    def _resident(self) -> ResidentPixels | None:
        """The pixels on the device, copied there by the first batch that wants any: features may be kept already."""
        there_is_room = fits(self._store.nbytes, self.device, self._gpu_share)
        return ResidentPixels(self._store, self.device) if there_is_room else None

    def _packed(self, indices: Indices, boxes: Boxes) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the bytes of boxes end to end on the device, and their places, both for `resize_boxes`."""
        sides = zip(indices, *boxes, strict=True)
        crops = [self._store[i][top : top + h, left : left + w].ravel() for i, top, left, h, w in sides]
        ends = np.cumsum([crop.size for crop in crops])
        places = np.stack([ends - [crop.size for crop in crops], boxes.widths * 3], axis=1)
        return to_device(np.concatenate(crops), self.device), to_device(places, self.device)

    def _crops(self, indices: Indices, boxes: Boxes) -> torch.Tensor:
        """Return (n, size, size, 3) uint8 crops on the device; a box of another size is resized to it."""
        crops = torch.empty(
            (len(indices), self._size, self._size, 3),
            dtype=torch.uint8,
            pin_memory=self.device.type == "cuda",
        )
        into = crops.numpy()
        for place, index in enumerate(indices):
            top, left, height, width = (int(side[place]) for side in boxes)
            crop = self._store[index][top : top + height, left : left + width]
            into[place] = crop if (height, width) == (self._size, self._size) else _resized(crop, self._size)
        return crops.to(self.device, non_blocking=True)


def _scaled(pixels: torch.Tensor) -> torch.Tensor:
    """Return uint8 pixels as fp32 in [0, 1], by torchvision's own operations in its order, as all that follows."""
    return pixels.to(torch.float32).mul_(1 / 255)


def fits(nbytes: int, device: torch.device, gpu_share: float) -> bool:
    """Return whether a GPU has room for this many bytes of data beside networks; a CPU reads its memory in place.

    Args:
        gpu_share: how much of the GPU is this training's; more than 1, several GPUs, counts as one. Trainings that begin
            together on one GPU all find it free, so that each must keep to its own.
    """
    if device.type != "cuda":
        return False
    free, total = torch.cuda.mem_get_info(device)
    return nbytes < HEADROOM * min(free, gpu_share * total)


def _resized(crop: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resize a (height, width, 3) crop to a square as torchvision's antialiased `resized_crop` does."""
    image = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None]
    resized = F.interpolate(image, [size, size], mode="bilinear", antialias=True)
    return np.asarray(resized[0].permute(1, 2, 0).numpy())
