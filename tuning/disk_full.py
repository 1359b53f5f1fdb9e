"""A disk without space, told from other failures."""

import errno
import re

_SAID = re.compile(
    r"No space left on device|Disk quota exceeded|PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+"
)
"""By the system, and by PyTorch's writer, which does not repeat what the system said."""


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error, or one that led to it, is of a disk or a quota that is used up."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if says_disk_full(str(found)):
            return True
        found = found.__cause__ or found.__context__
    return False


def says_disk_full(text: str) -> bool:
    """Return whether a failure's text tells of such a disk; a worker's error comes as text alone."""
    return _SAID.search(text) is not None
