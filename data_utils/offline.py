"""Offline augmentation: the training split made larger beforehand, once, in a store of its own."""

import hashlib
from collections.abc import Iterator

import numpy as np
import torch

from data_utils.batches import Batch, Source, to_device
from data_utils.caches import cache_dir, kept
from data_utils.pixel_source import PixelSource
from data_utils.pixel_store import Decoded, PixelStore, Progress, write_store
from data_utils.seeding import Stream, derive
from data_utils.splits import Indices

VERSION = 1
"""Part of every key: raise it when the same settings give other pictures."""

AT_ONCE = 256


def keep_copies(
    store: PixelStore,
    indices: Indices,
    pixels: PixelSource,
    *,
    copies: int,
    seed: int,
    made_with: str,
    progress: Progress | None = None,
) -> PixelStore:
    """Return a store of `copies` augmented pictures of each of these images, made first if no process has yet.

    Picture c * len(indices) + i is copy c of image indices[i].

    Args:
        pixels: augments.
        made_with: what decides the pictures besides: augmentation and size.

    Raises:
        InputError: the cache cannot be written.
    """
    made_by = f"{VERSION}\0{torch.__version__}\0{store.metadata['key']}"  # PyTorch turns and resizes them
    identity = f"{made_by}\0{made_with}\0{copies}\0{seed}\0".encode()
    key = hashlib.sha256(identity + np.asarray(indices, "<i8").tobytes()).hexdigest()[:16]
    path = cache_dir() / "pixels" / f"{store.path.stem}-copies-{key}.arrow"
    metadata = {"root": store.metadata["root"], "key": key}
    return kept(
        path,
        PixelStore,
        lambda aside: write_store(aside, _pictures(store, indices, pixels, copies, seed, progress), metadata),
    )


def _pictures(
    store: PixelStore,
    indices: Indices,
    pixels: PixelSource,
    copies: int,
    seed: int,
    progress: Progress | None,
) -> Iterator[tuple[str, int, Decoded]]:
    for copy in range(copies):
        rng = np.random.default_rng(derive(seed, copy, Stream.OFFLINE))
        for start in range(0, len(indices), AT_ONCE):
            part = indices[start : start + AT_ONCE]
            for index, picture in zip(part, pixels.pictures(part, rng), strict=True):
                yield f"{store.names[index]}#{copy}", int(store.labels[index]), Decoded(picture)
            if progress:
                progress(copy * len(indices) + start + len(part), copies * len(indices))


class JoinedSource:
    """Two sources as one: indices from `size` on are the second's, less `size`."""

    def __init__(self, first: Source, size: int, second: Source):
        self._first, self._size, self._second = first, size, second
        self.device = first.device

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return the batch in the order of `indices`."""
        of_second = indices >= self._size
        parts = [
            source.gather(chosen, rng)
            for source, chosen in (
                (self._first, indices[~of_second]),
                (self._second, indices[of_second] - self._size),
            )
            if len(chosen)
        ]
        places = np.argsort(np.concatenate([np.flatnonzero(~of_second), np.flatnonzero(of_second)]))
        order = to_device(places, self.device)
        inputs = torch.cat([part.inputs for part in parts])[order]
        if inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return Batch(inputs, torch.cat([part.labels for part in parts])[order])
