"""What a sweep that is broken off says: what stands, and how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_utils.errors import InputError
from tuning.cluster import resume_command
from tuning.disk_full import is_disk_full
from tuning.failures import reason
from tuning.remains import remains


@contextmanager
def saying_how_to_go_on(folder: Path) -> Iterator[None]:
    """Give words to what ends a sweep before its time, but for its own mistakes.

    Raises:
        KeyboardInterrupt: there was one.
        InputError: the disk is full, or the folder can no longer be written.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted; go on with: {resume_command(folder)}") from error
    except Exception as error:  # a full disk comes as an OSError, within Ray's errors, or as PyTorch's words
        full = is_disk_full(error)
        if not full and not isinstance(error, OSError):
            raise
        tables = sorted(path.name for path in folder.glob("*.parquet"))
        stands = ", ".join([*tables, *filter(None, [remains(folder)])]) or "nothing yet"
        said, remedy = ("the disk is full", "free some space") if full else ("cannot go on", "mend that")
        problem = f"{said} ({reason(str(error))}); what stands: {stands}; {remedy}, then go on with: {resume_command(folder)}"
        raise InputError(str(folder), [problem]) from error
