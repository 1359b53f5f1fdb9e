"""What a sweep that is broken off says: what stands, and how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_utils.errors import InputError
from tuning.disk_full import is_disk_full
from tuning.failures import reason
from tuning.remains import remains


@contextmanager
def saying_how_to_go_on(folder: Path) -> Iterator[None]:
    """Give words to what ends a sweep before its time, but for its own mistakes.

    Raises:
        KeyboardInterrupt: there was one.
        InputError: the disk is full.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted; go on with: upsweep resume {folder}") from error
    except Exception as error:  # a full disk comes as an OSError, within Ray's errors, or as PyTorch's words
        if not is_disk_full(error):
            raise
        tables = sorted(path.name for path in folder.glob("*.parquet"))
        stands = ", ".join([*tables, *filter(None, [remains(folder)])]) or "nothing yet"
        problem = (
            f"the disk is full ({reason(str(error))}); what stands: {stands}; free some space, then go on with: "
            f"upsweep resume {folder}"
        )
        raise InputError(str(folder), [problem]) from error
