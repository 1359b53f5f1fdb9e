"""How sure a measured share is."""

import math
from typing import NamedTuple

Z95 = 1.959964
"""The standard normal's 97.5 % quantile: two-sided 95 %."""


class Interval(NamedTuple):
    """Bounds of a share, 0 to 1."""

    low: float
    high: float


def wilson(share: float, number: int) -> Interval:
    """Return Wilson's 95 % score interval of a share of `number` independent images.

    Unlike the textbook's share +- 1.96 standard errors it stays within 0 and 1, and has a width at 0 and at 1.
    """
    if number < 1:
        raise ValueError(f"number must be at least 1 but got {number}")
    weight = Z95**2 / number
    middle = (share + weight / 2) / (1 + weight)
    half = Z95 / (1 + weight) * math.sqrt(share * (1 - share) / number + weight / (4 * number))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))
