"""A run's files from a cluster to a folder here, each whole or absent."""

from collections.abc import Callable, Iterable
from pathlib import Path

from data_utils.errors import InputError
from data_utils.places import renamed
from tuning.job_stream import GarbledError, Sent, receive
from tuning.sweep_file import SWEEP_FILE


def check_target(folder: Path) -> None:
    """Refuse a folder that holds something else than an earlier fetch.

    Raises:
        InputError: it does, or is none.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(str(folder), ["is a file; name a folder"])
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SWEEP_FILE).is_file():
        raise InputError(str(folder), ["holds other files; name a new folder, or that of an earlier fetch"])


def write_files(answers: Iterable[dict[str, object]], folder: Path, told: Callable[[Sent], None]) -> int:
    """Write the files that messages hold, and return how many; `told` hears of each before it comes.

    Raises:
        InputError: one came otherwise than it was sent, or cannot be written; those before it are whole.
    """
    parts, number = iter(answers), 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for announced in parts:
            sent = _sent(announced)
            told(sent)
            with renamed(folder / sent.name) as part, part.open("wb") as file:
                receive(sent, parts, file)
            number += 1
    except GarbledError as error:
        raise InputError(str(folder), [f"{error}; fetch again"]) from error
    except OSError as error:
        raise InputError(str(folder), [f"cannot be written ({error}); name another folder"]) from error
    return number


def _sent(announced: dict[str, object]) -> Sent:
    """Return what a message announces.

    Raises:
        GarbledError: it announces no file, or one whose name would lead out of the folder.
    """
    name, size, digest = (announced.get(key) for key in ("file", "bytes", "sha256"))
    if not (isinstance(name, str) and isinstance(size, int) and isinstance(digest, str)):
        raise GarbledError("the answer is not of files")
    if name != Path(name).name or name in ("", ".", ".."):
        raise GarbledError(f"the cluster names a file {name!r}, which would lead out of the folder")
    return Sent(name, size, digest)
