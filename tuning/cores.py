"""How many cores this process may compute with."""

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Return the cores that this process's affinity and its container's quota leave it, at least 1."""
    cores = len(os.sched_getaffinity(0))
    if _QUOTA.is_file():
        limit, period = _QUOTA.read_text().split()
        if limit != "max":
            return min(cores, max(1, int(limit) // int(period)))
    return cores
