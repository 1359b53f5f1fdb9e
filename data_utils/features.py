"""A frozen part's outputs, computed once for all images and kept like pixels."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from data_utils.batches import Batch, EvalBatches, Source, tensor_to_device, to_device
from data_utils.caches import cache_dir, kept
from data_utils.pixel_source import fits
from data_utils.pixel_store import PixelStore, Progress
from data_utils.splits import Indices

VERSION = 2
"""Part of every key: raise it when the same inputs give other features."""

BATCH_SIZE = 256


class KeptFeatures:
    """One row of numbers an image, memory-mapped: processes of a node share it through the page cache."""

    def __init__(self, path: Path, images: int):
        """Open a file of features, of so many images.

        Raises:
            Exception: it is no whole file of these features; a torn header makes NumPy raise nearly anything.
        """
        self._rows: npt.NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
        rows = self._rows
        if rows.ndim != 2 or len(rows) != images or rows.dtype not in (np.float32, np.int16):
            raise ValueError(f"{path} holds no features of {images} images")
        # NumPy takes a file that is longer than its header says, and a header that lays rows out as columns.
        end = rows.offset + rows.nbytes if isinstance(rows, np.memmap) else 0
        if not rows.flags.c_contiguous or end != path.stat().st_size:
            raise ValueError(f"{path} has a torn header")

    @property
    def shape(self) -> tuple[int, int]:
        """Images and numbers an image."""
        return self._rows.shape[0], self._rows.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return self._rows.nbytes

    def rows(self, indices: Indices) -> torch.Tensor:
        """Return (n, numbers) of these images, float32 or bfloat16 as the frozen part gave them."""
        tensor = torch.from_numpy(self._rows[indices])
        return (
            tensor.view(torch.bfloat16) if tensor.dtype == torch.int16 else tensor
        )  # numpy knows no bfloat16


class FeatureSource:
    """Kept features as batches, in place of the pixels they come from.

    Args:
        labels: of every image.
        gpu_share: how much of a GPU this training has, as in `fits`.
    """

    def __init__(
        self,
        features: KeptFeatures,
        labels: npt.NDArray[np.int32],
        device: torch.device,
        gpu_share: float = 1.0,
    ):
        self._labels = labels.astype(np.int64)
        self.device = device
        self._features = features
        self._resident: torch.Tensor | None = None
        if fits(features.nbytes, device, gpu_share):
            self._resident = features.rows(np.arange(features.shape[0])).to(device)

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return (n, numbers) inputs; nothing is augmented: features are of images as they are kept."""
        if self._resident is not None:
            inputs = self._resident[to_device(indices, self.device)]
        else:
            inputs = tensor_to_device(self._features.rows(indices), self.device)
        return Batch(inputs, to_device(self._labels[indices], self.device))


def keep_features(
    frozen: nn.Module,
    pixels: Source,
    store: PixelStore,
    *,
    made_with: str,
    device: torch.device,
    dtype: torch.dtype | None,
    progress: Progress | None = None,
) -> KeptFeatures:
    """Return the features of all images of a store, computing them first if no process has yet.

    Args:
        frozen: maps a batch of images to (n, numbers); on the device.
        pixels: gives the images as the frozen part is to see them.
        made_with: whatever else decides the numbers: architecture, crop, normalisation.
        dtype: to autocast to, or None for fp32.

    Raises:
        InputError: the cache cannot be written.
    """
    key = _key(frozen, store, f"{made_with}\0{dtype}\0{_processor(device)}")
    path = cache_dir() / "features" / f"{store.path.stem}-{key}.npy"

    def write(aside: Path) -> None:
        good = np.setdiff1d(np.arange(len(store)), list(store.errors)).astype(np.int64)
        _write(
            aside,
            len(store),
            good,
            _outputs(frozen, EvalBatches(pixels, good, BATCH_SIZE), device, dtype),
            progress,
        )

    return kept(path, lambda file: KeptFeatures(file, len(store)), write)


@torch.inference_mode()
def _outputs(
    frozen: nn.Module, batches: EvalBatches, device: torch.device, dtype: torch.dtype | None
) -> Iterator[torch.Tensor]:
    frozen.eval()
    for inputs, _ in batches:
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            yield frozen(inputs).cpu()


def _write(
    path: Path, count: int, good: Indices, outputs: Iterator[torch.Tensor], progress: Progress | None
) -> None:
    """Write the outputs for the images `good` into a (count, numbers) array; an image without pixels has zeros."""
    rows: npt.NDArray[np.generic] | None = None
    done = 0
    for output in outputs:
        values = output.view(torch.int16).numpy() if output.dtype == torch.bfloat16 else output.numpy()
        if rows is None:
            rows = np.lib.format.open_memmap(path, "w+", values.dtype, (count, values.shape[1]))
            with path.open("r+b") as file:  # a disk that is full says so here, and not by a signal later
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        rows[good[done : done + len(values)]] = values
        done += len(values)
        if progress:
            progress(done, len(good))
    if isinstance(rows, np.memmap):
        rows.flush()


def _processor(device: torch.device) -> str:
    """Return what computes: another processor may round otherwise."""
    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else torch.backends.cpu.get_cpu_capability()
    )


def _key(frozen: nn.Module, store: PixelStore, made_with: str) -> str:
    sha = hashlib.sha256(f"{VERSION}\0{store.metadata['key']}\0{made_with}\0{torch.__version__}\0".encode())
    for name, tensor in frozen.state_dict().items():
        sha.update(f"{name}\0".encode())
        sha.update(tensor.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]
