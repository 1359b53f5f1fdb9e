"""Arrow files that tell whether they are as they were written, without their large column being read.

The pixels of a store are gigabytes, which no process can read through at each opening. Of all other bytes (names, sizes,
offsets, and where everything lies in the file) a SHA-256 stands behind the Arrow file's own end.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

SIZE = hashlib.sha256().digest_size


def seal(path: Path, column: str) -> None:
    """Put the digest of all but one column's values, which are large binaries, behind an Arrow file's end."""
    whole = pa.memory_map(str(path)).read_buffer()
    digest = _digest(whole, pa.ipc.open_file(whole), column)
    with path.open("ab") as file:
        file.write(digest)


def open_sealed(path: Path, column: str) -> pa.ipc.RecordBatchFileReader:
    """Open a sealed Arrow file, memory-mapped.

    Raises:
        ValueError, OSError: it is not, but for the column's values, as it was when it was sealed.
    """
    whole = pa.memory_map(str(path)).read_buffer()
    if whole.size <= SIZE:
        raise ValueError(f"{path} is cut off")
    body = whole.slice(0, whole.size - SIZE)
    try:
        file = pa.ipc.open_file(body)
        digest = _digest(body, file, column)
    except Exception as error:  # a torn file makes Arrow raise nearly anything
        raise ValueError(f"{path} is torn: {error}") from error
    if digest != whole.slice(whole.size - SIZE).to_pybytes():
        raise ValueError(f"{path} is not as it was written")
    return file


def _digest(body: pa.Buffer, file: pa.ipc.RecordBatchFileReader, column: str) -> bytes:
    sha, at = hashlib.sha256(), 0
    for start, size in sorted(_values(body, file, column)):
        sha.update(body.slice(at, max(0, start - at)))
        at = start + size
    sha.update(body.slice(at))
    return sha.digest()


def _values(body: pa.Buffer, file: pa.ipc.RecordBatchFileReader, column: str) -> Iterator[tuple[int, int]]:
    """Yield (first byte, bytes) of the column's values in each record batch."""
    for i in range(file.num_record_batches):
        values = file.get_batch(i).column(column).buffers()[2]
        if values is not None and values.size:
            yield values.address - body.address, values.size
