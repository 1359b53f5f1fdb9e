"""A run's files from a cluster to a folder here, each whole or absent."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from data_utils.errors import InputError
from data_utils.file_access import renamed
from tuning.job_stream import GarbledError, Sent, receive

FETCHED = ".fetched.json"
"""Beside the files of a run: its place on the cluster, and their names."""


def fetched_before(folder: Path, place: str) -> set[str]:
    """Return the names of the files in a folder to fetch a run to, all of them of an earlier fetch of it.

    Raises:
        InputError: it holds something else, or is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(str(folder), ["is a file; name a folder"])
    if not folder.exists() or not any(folder.iterdir()):
        return set()
    try:
        noted = json.loads((folder / FETCHED).read_text(encoding="utf-8"))
        whose, names = noted["place"], set(noted["files"])
    except (OSError, ValueError, TypeError, KeyError):
        whose = None
    if whose == place:
        return names
    holds = "other files" if whose is None else f"what was fetched of {whose}"
    raise InputError(
        str(folder), [f"holds {holds}; name a new folder, or that of an earlier fetch of {place}"]
    )


def write_files(
    answers: Iterable[dict[str, object]], folder: Path, place: str, told: Callable[[Sent], None]
) -> int:
    """Write the files of a run that messages hold, drop those of an earlier fetch that it has no more, and return how many.

    Args:
        place: the run's, on the cluster.
        told: hears of each file before it comes.

    Raises:
        InputError: one came otherwise than it was sent, or cannot be written; those before it are whole. Or the folder holds
            something else.
    """
    parts, before, names = iter(answers), fetched_before(folder, place), set[str]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for announced in parts:
            sent = _sent(announced)
            told(sent)
            names.add(sent.name)
            _note(folder, place, before | names)
            with renamed(folder / sent.name) as part, part.open("wb") as file:
                receive(sent, parts, file)
        for name in before - names:
            (folder / Path(name).name).unlink(missing_ok=True)  # whatever the note says, within the folder
        _note(folder, place, names)
    except GarbledError as error:
        raise InputError(str(folder), [f"{error}; fetch again"]) from error
    except OSError as error:
        raise InputError(str(folder), [f"cannot be written ({error}); name another folder"]) from error
    return len(names)


def _note(folder: Path, place: str, names: set[str]) -> None:
    with renamed(folder / FETCHED) as part:
        part.write_text(json.dumps({"place": place, "files": sorted(names)}), encoding="utf-8")


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
