"""All randomness of an epoch comes from (seed, epoch), so an epoch is the same wherever and whenever it runs."""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """The independent uses of randomness; a new use gets a new number, and no number is used again."""

    SPLIT = 0
    INIT = 1
    ORDER = 2
    AUGMENT = 3
    DROPOUT = 4
    OFFLINE = 5


def derive(seed: int, epoch: int, stream: Stream) -> int:
    """Return a 63-bit seed for one use of randomness in one epoch; `seed` and `epoch` are at least 0."""
    state = np.random.SeedSequence((seed, epoch, stream)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))
