"""What a sweep that is broken off says: how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def saying_how_to_go_on(folder: Path) -> Iterator[None]:
    """Give a KeyboardInterrupt words: the sweep's folder is there, and a resume goes on with it."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted; go on with: upsweep resume {folder}") from error
