"""Small JSON files that tell whether they are as they were written."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_utils.file_access import read_bytes

_DIGEST = "sha256"


def sealed(entry: Mapping[str, Any], indent: int | None = None) -> str:
    """Return an entry as JSON, with a digest of itself."""
    return json.dumps({**entry, _DIGEST: _digest(entry)}, indent=indent)


def read_sealed(path: Path | str) -> dict[str, Any]:
    """Return a file's entry, from any place; one of before there were digests is taken as it stands.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON object, or not as it was written.
    """
    try:
        entry = json.loads(read_bytes(str(path)).decode("utf-8"))
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if not isinstance(entry, dict):
        raise ValueError("holds no JSON object")
    if _DIGEST in entry and entry.pop(_DIGEST) != _digest(entry):
        raise ValueError("is not as it was written")
    return entry


def _digest(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry).encode()).hexdigest()
