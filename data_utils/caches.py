"""Where upsweep keeps what it must not compute twice."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return `$UPSWEEP_CACHE`, else `upsweep` in the user's cache folder; the folder itself may not exist yet."""
    if chosen := os.environ.get("UPSWEEP_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().resolve() / "upsweep"
