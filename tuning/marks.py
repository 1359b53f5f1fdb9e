"""Marks in the cache: what was found out once, under all that it hangs on, so that it need not be found out again."""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_utils.caches import marks_folder
from data_utils.file_access import renamed
from data_utils.sealed_json import read_sealed, sealed
from trainables.alike import versions

logger = logging.getLogger(__name__)

VERSION = 1
"""Part of every key: raise it when what is marked would be found otherwise."""


def marked(of: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was marked of this; nothing if nothing was, or its file is torn."""
    try:
        return read_sealed(_file(of))
    except (OSError, ValueError):
        return {}


def mark(of: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Write down what was found, in plain values."""
    try:
        marks_folder().mkdir(parents=True, exist_ok=True)
        with renamed(_file(of)) as part:
            part.write_text(sealed(found), encoding="utf-8")
    except OSError as error:  # which costs the next sweep some seconds, and no more
        logger.warning("%s cannot be written to: %s", marks_folder(), error)


def state_of(file: str) -> list[int]:
    """Return bytes and times of a file, by which another in its place is told, even one whose time was kept as it was copied.

    Raises:
        OSError: it cannot be looked at.
    """
    status = Path(file).expanduser().stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _file(of: Mapping[str, Any]) -> Path:
    whole = json.dumps({**of, "version": VERSION, "versions": versions()}, sort_keys=True)
    return marks_folder() / f"{hashlib.sha256(whole.encode()).hexdigest()[:16]}.json"
