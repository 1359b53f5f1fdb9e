"""Batches on the device: in the order of (seed, epoch) to train, in order to evaluate."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
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
    return tensor_to_device(torch.from_numpy(values), device)


def tensor_to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor of the host's on the device, as `to_device`."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


class Source(Protocol):
    """Something that turns sample indices into a batch.

    Attributes:
        device: where its batches are.
    """

    device: torch.device

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return the batch of these samples, in this order; augmented by `rng`, or plain without one."""
        ...


class TrainBatches:
    """The batches of a training epoch: shuffled afresh each epoch, the short last one dropped unless it is the only one.

    Attributes:
        waited: seconds for which readers have waited for a batch to be gathered, all epochs together; on a GPU those in
            which the host asked for the work, while the GPU had some of before.
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
        for batch, seconds in _prefetched(
            self._source.device, lambda part: self._source.gather(part, augmentation), parts
        ):
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
        parts = _parts(self._indices, self._batch_size)
        for batch, seconds in _prefetched(self._source.device, self._source.gather, parts):
            self.waited += seconds
            yield batch


def _parts(indices: Indices, size: int) -> list[Indices]:
    return [indices[start : start + size] for start in range(0, len(indices), size)]


def _prefetched(
    device: torch.device, gather: Callable[[Indices], Batch], parts: Sequence[Indices]
) -> Iterator[tuple[Batch, float]]:
    """Yield each part's batch, and the seconds waited for it, while a thread already gathers the next one."""
    stream = _PrefetchStream(device)
    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        ahead = pool.submit(stream.gather, gather, parts[0], None) if parts else None
        read: torch.cuda.Event | None = None
        for following in [*parts[1:], None]:
            if ahead is None:
                return
            start = time.perf_counter()
            batch, gathered, began = ahead.result()
            # Until it began, a GPU was still computing with the batch before the last: that is no wait for data.
            seconds = max(0.0, time.perf_counter() - max(start, began))
            ahead = None if following is None else pool.submit(stream.gather, gather, following, read)
            stream.hand_over(batch, gathered)
            yield batch, seconds
            read = stream.reader_event()


class _PrefetchStream:
    """A GPU's stream for gathering, so that copies and gathers overlap with training; on a CPU nothing but the thread."""

    def __init__(self, device: torch.device):
        self._stream = _gathering_stream(device) if device.type == "cuda" else None
        if self._stream is not None:  # what gathering reads may still be on its way there
            self._stream.wait_stream(torch.cuda.current_stream(device))

    def gather(
        self, gather: Callable[[Indices], Batch], part: Indices, after: "torch.cuda.Event | None"
    ) -> tuple[Batch, "torch.cuda.Event | None", float]:
        """Gather a part once the device is at `after`; return its batch, what tells when it is there, and when this began.

        `after` is what was done with the batch before the last: without it the host would run ahead of the device, and
        batches pile up in its memory.
        """
        if after is not None:
            after.synchronize()
        began = time.perf_counter()
        if self._stream is None:
            return gather(part), None, began
        with torch.cuda.stream(self._stream):
            return gather(part), self._stream.record_event(), began

    def hand_over(self, batch: Batch, gathered: "torch.cuda.Event | None") -> None:
        """Make the reader's stream wait for the batch, and its memory wait for the reader before it is used anew."""
        if gathered is None:
            return
        reader = torch.cuda.current_stream(batch.inputs.device)
        reader.wait_event(gathered)
        for tensor in batch:
            tensor.record_stream(reader)

    def reader_event(self) -> "torch.cuda.Event | None":
        """Return what tells when all that the reader has begun so far is done."""
        if self._stream is None:
            return None
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        event.record(torch.cuda.current_stream(self._stream.device))
        return event


@cache
def _gathering_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the one stream of a device that batches are gathered in: each stream keeps memory of its own."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # torch leaves it untyped
