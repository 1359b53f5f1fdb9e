"""Numbers as a person reads them."""

import re


def counted(number: int, thing: str) -> str:
    """Return `1 epoch`, `2 epochs`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def percent(share: float) -> str:
    """Return a share of 1 in percent, as `95.33 %`."""
    return f"{100 * share:.2f} %"


def clock(seconds: float) -> str:
    """Return a time as `0:01:05`."""
    whole = int(seconds)
    return f"{whole // 3600:d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def is_progress(line: str) -> bool:
    """Return whether a line is one of a sweep's progress, which begins with the time since its start."""
    return re.match(r"\d+:\d\d:\d\d  ", line) is not None
