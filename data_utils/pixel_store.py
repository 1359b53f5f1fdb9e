"""Every image decoded once, into one memory-mapped Arrow file that all processes of a node share."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import PIL
import pyarrow as pa

from data_utils.caches import cache_dir, kept
from data_utils.decoding import BadImageError, Pixels, decode
from data_utils.errors import InputError
from data_utils.sealed_arrow import open_sealed, seal

VERSION = 3
"""Part of every key: raise it when the pixels that the same files give change."""

ROWS_AT_ONCE = 256
"""Images a record batch at most: some 70 MB at 256 pixels, enough to keep all cores busy, little enough to hold thrice."""

BYTES_AT_ONCE = 100_000_000
"""After which a record batch ends, however few images it holds."""

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("label", pa.int32()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("offset", pa.int64()),  # of the image's first byte, were all pixels laid end to end
        ("error", pa.string()),  # why the image could not be decoded; null for a good one
        ("pixels", pa.large_binary()),  # height x width x 3, uint8
    ]
)

Progress = Callable[[int, int], None]
"""Told how many images are done, and of how many."""


class ImageFiles(Protocol):
    """What a store needs to know of a data set."""

    folder: Path
    names: list[str]
    samples: list[tuple[str, int]]


@dataclass(frozen=True)
class Decoded:
    """One image's (height, width, 3) pixels, or none and why there are none."""

    pixels: Pixels
    error: str | None = None


class PixelStore:
    """The images of a data set as uint8 RGB, short side resized, native aspect; `store[i]` is sample i.

    Resizing is what torchvision's `Resize` does to a PIL image. Views are read-only and read the
    memory-mapped file in place: a process that opens the store takes no memory of its own for pixels.

    Attributes:
        labels, heights, widths: one number an image.
        offsets: where each image's first byte stands in `flat`-laid pixels.
        errors: {sample index: why it could not be decoded}; such an image has no pixels.
    """

    def __init__(self, path: Path):
        """Open a store.

        Raises:
            ValueError, OSError: the file is no whole store.
        """
        self.path = path
        file = open_sealed(path, "pixels")
        if not file.schema.equals(SCHEMA):
            raise pa.ArrowInvalid(f"{path}: not a pixel store of version {VERSION}")
        batches = [file.get_batch(i) for i in range(file.num_record_batches)]
        self.metadata = {k.decode(): v.decode() for k, v in (file.schema.metadata or {}).items()}
        table = pa.Table.from_batches(batches, file.schema)
        self.names: list[str] = table["name"].to_pylist()
        self.labels, self.heights, self.widths, self.offsets = (
            np.asarray(table[name].to_numpy()) for name in ("label", "height", "width", "offset")
        )
        self.errors = {i: e for i, e in enumerate(table["error"].to_pylist()) if e is not None}
        self._chunks = [_pixels_of(batch) for batch in batches]
        rows = np.array([batch.num_rows for batch in batches], dtype=np.int64)
        self._chunk_of = np.repeat(np.arange(len(batches)), rows)
        sizes = np.array([len(chunk) for chunk in self._chunks], dtype=np.int64)
        self._start_in_chunk = self.offsets - np.repeat(np.cumsum(sizes) - sizes, rows)
        if int(sizes.sum()) != int((self.heights.astype(np.int64) * self.widths * 3).sum()):
            raise pa.ArrowInvalid(f"{path}: pixels are missing")

    @classmethod
    def of(cls, dataset: ImageFiles, resize: int = 256, progress: Progress | None = None) -> "PixelStore":
        """Open the store of a data set, building it first if there is none, or a torn or stale one.

        A second process that asks meanwhile waits and then reads what the first has built.

        Args:
            resize: pixels of the short side.
            progress: told of each record batch while building.

        Raises:
            InputError: the cache folder cannot be written, or a file cannot be read.
        """
        key = store_key(dataset, resize)
        # A name is 255 bytes at most, and kept files have others beside them with longer ones.
        called = os.fsencode(dataset.folder.name)[:100].decode(errors="ignore")
        path = cache_dir() / "pixels" / f"{called}-{resize}-{key}.arrow"
        metadata = {"root": str(dataset.folder), "key": key}
        return kept(
            path, cls, lambda aside: write_store(aside, decode_all(dataset, resize, progress), metadata)
        )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Pixels:
        """Return image `index` as a read-only (height, width, 3) uint8 view."""
        if index in self.errors:
            raise KeyError(f"image {self.names[index]!r} could not be decoded: {self.errors[index]}")
        height, width = int(self.heights[index]), int(self.widths[index])
        start = int(self._start_in_chunk[index])
        chunk: Pixels = self._chunks[self._chunk_of[index]]
        return chunk[start : start + height * width * 3].reshape(height, width, 3)

    def chunks(self) -> Iterator[tuple[int, Pixels]]:
        """Yield (offset of its first byte, read-only bytes) of each stretch of pixels that lies together."""
        offset = 0
        for chunk in self._chunks:
            yield offset, chunk
            offset += len(chunk)

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return sum(len(chunk) for chunk in self._chunks)


def store_key(dataset: ImageFiles, resize: int) -> str:
    """Return sixteen hex digits of what a store is made from: code, resize, and each file's name, size and time."""
    problems = []
    sha = hashlib.sha256(f"{VERSION}\0Pillow {PIL.__version__}\0{resize}\0{dataset.folder}\0".encode())
    for name, (path, label) in zip(dataset.names, dataset.samples, strict=True):
        try:
            status = os.stat(path)
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror}; restore it or take it out")
            continue
        sha.update(f"{name}\0{label}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    if problems:
        raise InputError(str(dataset.folder), problems)
    return sha.hexdigest()[:16]


def write_store(path: Path, rows: Iterator[tuple[str, int, Decoded]], metadata: dict[str, str]) -> None:
    """Write a store's file."""
    offset = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA.with_metadata(metadata)) as writer:
        for chunk in _chunks(rows):
            batch, offset = _record_batch(chunk, offset)
            writer.write_batch(batch)
    seal(path, "pixels")


def decode_all(
    dataset: ImageFiles, resize: int, progress: Progress | None = None
) -> Iterator[tuple[str, int, Decoded]]:
    """Yield (name, label, pixels or why there are none) of each image, short side resized.

    Decode in threads, in order; Pillow lets go of the interpreter's lock while it decodes and resizes.

    Raises:
        InputError: files that this user may not read, all of them; or the disk or network fails.
    """
    if secret := [path for path, _ in dataset.samples if not os.access(path, os.R_OK)]:
        raise InputError(
            str(dataset.folder),
            [f"{path} may not be read by this user; let it, or take the image out" for path in secret],
        )

    def one(sample: tuple[str, int]) -> Decoded:
        try:
            return Decoded(decode(sample[0], resize))
        except BadImageError as error:
            return Decoded(np.empty((0, 0, 3), np.uint8), str(error))

    total, at_once = len(dataset.samples), rows_at_once(resize)
    with warnings.catch_warnings(), ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        # Pillow's remarks on odd files: what makes one unusable is an error, and the rest is nothing to a user.
        warnings.filterwarnings("ignore", module="PIL")
        pending: list[Future[Decoded]] = []
        for start in range(0, total + at_once, at_once):
            # The next images are decoded while these are written.
            ready, pending = (
                pending,
                [pool.submit(one, sample) for sample in dataset.samples[start : start + at_once]],
            )
            first = start - at_once
            for i, future in enumerate(ready, start=first):
                yield dataset.names[i], dataset.samples[i][1], future.result()
            if progress and ready:
                progress(first + len(ready), total)


def rows_at_once(resize: int) -> int:
    """Return how many images of this short side are decoded at once."""
    return max(1, min(ROWS_AT_ONCE, ROWS_AT_ONCE * 256**2 // resize**2))


def _chunks(rows: Iterator[tuple[str, int, Decoded]]) -> Iterator[list[tuple[str, int, Decoded]]]:
    chunk: list[tuple[str, int, Decoded]] = []
    size = 0
    for row in rows:
        chunk.append(row)
        size += row[2].pixels.nbytes
        if len(chunk) == ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _record_batch(rows: Sequence[tuple[str, int, Decoded]], offset: int) -> tuple[pa.RecordBatch, int]:
    """Return the rows as a record batch, and the offset of the image after them."""
    pictures = [decoded.pixels for _, _, decoded in rows]
    ends = np.cumsum([picture.nbytes for picture in pictures], dtype=np.int64)
    starts = np.concatenate([[0], ends]).astype(np.int64)
    # Built from its buffers, which costs one copy of the pixels; from a list of bytes it would be three.
    pixels = pa.Array.from_buffers(
        pa.large_binary(),
        len(rows),
        [None, pa.py_buffer(starts), pa.py_buffer(np.concatenate([picture.ravel() for picture in pictures]))],
    )
    columns = [
        pa.array([name for name, _, _ in rows], pa.string()),
        pa.array([label for _, label, _ in rows], pa.int32()),
        pa.array([picture.shape[0] for picture in pictures], pa.int32()),
        pa.array([picture.shape[1] for picture in pictures], pa.int32()),
        pa.array(offset + starts[:-1], pa.int64()),
        pa.array([decoded.error for _, _, decoded in rows], pa.string()),
        pixels,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA), offset + int(ends[-1])


def _pixels_of(batch: pa.RecordBatch) -> Pixels:
    """Return a record batch's pixels end to end, in place."""
    data = batch.column("pixels").buffers()[2]
    return np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
