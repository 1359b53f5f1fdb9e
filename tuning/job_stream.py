"""Files and answers on their way through a job's log, the one thing of a job that a client can read.

A log holds what Ray and libraries print as well, so that each line of ours carries a mark. Bytes travel as base64, and
count only once their digest is right.
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MARK = "@upsweep "
"""What begins a line of ours; a space ends it, so that no message of a user's does."""
DONE = "done"
"""The key of the last message."""
CHUNK = 48 * 1024
"""Bytes of a file in a line, which are a third more as base64; Ray sends logs on by lines."""


class GarbledError(ValueError):
    """A file came otherwise than it was sent, or not to its end."""


@dataclass(frozen=True)
class Sent:
    """What announces a file."""

    name: str
    bytes: int
    sha256: str


def message(**values: Any) -> str:
    """Return the line of an answer's values."""
    return f"{MARK}{json.dumps(values)}"


def messages(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the values of each line of ours; others are left out.

    Raises:
        GarbledError: a line that says to be ours and is not.
    """
    for line in lines:
        if line.startswith(MARK):
            try:
                values = json.loads(line.removeprefix(MARK))
            except ValueError as error:
                raise GarbledError(f"a line of the answer is cut: {line[:60]!r}") from error
            yield values


def file_lines(path: Path, name: str) -> Iterator[str]:
    """Yield the lines that send a file under a name."""
    with path.open("rb") as file:  # once: a run that goes on puts another in its place meanwhile
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield message(file=name, bytes=os.fstat(file.fileno()).st_size, sha256=digest)
        file.seek(0)
        while part := file.read(CHUNK):
            yield message(data=base64.b64encode(part).decode("ascii"))


def receive(sent: Sent, parts: Iterator[dict[str, Any]], out: BinaryIO) -> None:
    """Write the bytes of a file that was announced, taking from `parts` just those messages that are its own.

    Raises:
        GarbledError: they are not those that were sent.
    """
    digest, left = hashlib.sha256(), sent.bytes
    while left > 0:
        try:
            part = base64.b64decode(next(parts)["data"], validate=True)
        except GarbledError:
            raise
        except (StopIteration, KeyError, ValueError) as error:
            raise GarbledError(f"{sent.name} came but for {left} of its {sent.bytes} bytes") from error
        out.write(part)
        digest.update(part)
        left -= len(part)
    if left or digest.hexdigest() != sent.sha256:
        raise GarbledError(f"{sent.name} came with another digest than it was sent with")
