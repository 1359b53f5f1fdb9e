"""From a store to batches on the device: in the order of (seed, epoch) to train, in order to evaluate."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch

from data_utils.normalization import Normalization
from data_utils.pixel_store import PixelStore
from data_utils.seeding import Stream, derive
from data_utils.splits import Indices


class Batch(NamedTuple):
    """Network inputs (n, ...) float32 and their labels (n,) int64, on the device."""

    inputs: torch.Tensor
    labels: torch.Tensor


class Source(Protocol):
    """Something that turns sample indices into a batch."""

    def gather(self, indices: Indices) -> Batch:
        """Return the batch of these samples, in this order."""
        ...


class PixelSource:
    """Centre crops of a pixel store, normalised: bit for bit what `transforms.plain` gives.

    Args:
        store: images whose short side is at least `image_size`.
        image_size: pixels a side of the crop.
        normalization: mean and standard deviation for pixels in [0, 1].
        device: where the batches go.
    """

    def __init__(
        self, store: PixelStore, image_size: int, normalization: Normalization, device: torch.device
    ):
        self._store, self._size, self._device = store, image_size, device
        self._labels = torch.from_numpy(store.labels.astype(np.int64))
        # Tiled to a whole row of pixels: with three numbers alone the inner loop would be three long, and slow.
        self._mean = torch.tensor(normalization.mean, device=device).repeat(image_size)
        self._std = torch.tensor(normalization.std, device=device).repeat(image_size)

    def gather(self, indices: Indices) -> Batch:
        """Return (n, 3, image_size, image_size) crops, channels last in memory."""
        size = self._size
        crops = torch.empty((len(indices), size, size, 3), dtype=torch.uint8)
        into = crops.numpy()
        for place, index in enumerate(indices):
            image = self._store[index]
            top, left = (round((side - size) / 2.0) for side in image.shape[:2])
            into[place] = image[top : top + size, left : left + size]
        rows = crops.to(self._device).view(-1, size * 3).to(torch.float32)
        rows.mul_(1 / 255).sub_(self._mean).div_(self._std)  # in torchvision's own operations and order
        inputs = rows.view(len(indices), size, size, 3).permute(0, 3, 1, 2)
        return Batch(inputs, self._labels[indices].to(self._device))


@dataclass(frozen=True)
class TrainBatches:
    """The batches of a training epoch: shuffled afresh each epoch, the short last one dropped unless it is the only one."""

    source: Source
    indices: Indices
    batch_size: int
    seed: int

    @property
    def images(self) -> int:
        """How many images an epoch trains on."""
        whole = len(self.indices) - len(self.indices) % self.batch_size
        return whole or len(self.indices)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, counted from 1."""
        rng = np.random.default_rng(derive(self.seed, epoch, Stream.ORDER))
        order = rng.permutation(self.indices)[: self.images]
        return _prefetched(self.source.gather, _parts(order, self.batch_size))


@dataclass(frozen=True)
class EvalBatches:
    """All samples in order, each once."""

    source: Source
    indices: Indices
    batch_size: int

    def __iter__(self) -> Iterator[Batch]:
        return _prefetched(self.source.gather, _parts(self.indices, self.batch_size))


def _parts(indices: Indices, size: int) -> list[Indices]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _prefetched(gather: Callable[[Indices], Batch], parts: Sequence[Indices]) -> Iterator[Batch]:
    """Yield each part's batch while a thread already gathers the next one."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        ahead = pool.submit(gather, parts[0]) if parts else None
        for following in [*parts[1:], None]:
            if ahead is None:
                return
            batch = ahead.result()
            ahead = None if following is None else pool.submit(gather, following)
            yield batch
