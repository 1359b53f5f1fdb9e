"""Batches on the device: in the order of (seed, epoch) to train, in order to evaluate."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from data_utils.seeding import Stream, derive
from data_utils.splits import Indices


class Batch(NamedTuple):
    """Network inputs (n, ...) and their labels (n,) int64, on the device."""

    inputs: torch.Tensor
    labels: torch.Tensor


def to_device(values: npt.NDArray[Any], device: torch.device) -> torch.Tensor:
    """Return an array on the device, without making the host wait for what the device is still computing."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


class Source(Protocol):
    """Something that turns sample indices into a batch."""

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return the batch of these samples, in this order; augmented by `rng`, or plain without one."""
        ...


class TrainBatches:
    """The batches of a training epoch: shuffled afresh each epoch, the short last one dropped unless it is the only one.

    Attributes:
        waited: seconds for which readers have waited for a batch, all epochs together.
    """

    def __init__(self, source: Source, indices: Indices, batch_size: int, seed: int):
        self._source, self._indices, self._batch_size, self._seed = source, indices, batch_size, seed
        self.waited = 0.0

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, counted from 1: their order and augmentation come from (seed, epoch)."""
        order = np.random.default_rng(derive(self._seed, epoch, Stream.ORDER)).permutation(self._indices)
        whole = len(order) - len(order) % self._batch_size
        augmentation = np.random.default_rng(derive(self._seed, epoch, Stream.AUGMENT))
        parts = _parts(order[: whole or len(order)], self._batch_size)
        # Only one batch is gathered at a time, so the generator is drawn from in the batches' order.
        for batch, seconds in _prefetched(lambda part: self._source.gather(part, augmentation), parts):
            self.waited += seconds
            yield batch


class EvalBatches:
    """All samples in order, each once, never augmented.

    Attributes:
        images: how many samples there are.
        waited: as `TrainBatches`.
    """

    def __init__(self, source: Source, indices: Indices, batch_size: int):
        self._source, self._indices, self._batch_size = source, indices, batch_size
        self.images = len(indices)
        self.waited = 0.0

    def __iter__(self) -> Iterator[Batch]:
        for batch, seconds in _prefetched(self._source.gather, _parts(self._indices, self._batch_size)):
            self.waited += seconds
            yield batch


def _parts(indices: Indices, size: int) -> list[Indices]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _prefetched(
    gather: Callable[[Indices], Batch], parts: Sequence[Indices]
) -> Iterator[tuple[Batch, float]]:
    """Yield each part's batch, and the seconds waited for it, while a thread already gathers the next one."""
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        ahead = pool.submit(gather, parts[0]) if parts else None
        for following in [*parts[1:], None]:
            if ahead is None:
                return
            start = time.perf_counter()
            batch = ahead.result()
            seconds = time.perf_counter() - start
            ahead = None if following is None else pool.submit(gather, following)
            yield batch, seconds
