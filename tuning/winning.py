"""The rule by which one trial of a sweep is better than another; it needs nothing, so that whatever reads tables has it too."""

import math

NEVER_WINS = "diverged"
"""`Outcome.DIVERGED`, without the imports that come with it."""

Rank = tuple[float, float, int]


def rank(accuracy: float, epoch: float, trial: int) -> Rank:
    """Return what trials are sorted by, the best first: the accuracy; of equals the earlier epoch, then the earlier trial.

    Args:
        accuracy, epoch: the best on validation, and when.
    """
    return -accuracy, epoch, trial


def can_win(outcome: str, accuracy: float | None) -> bool:
    """Return whether a trial that ended so can win: one that diverged, or has no accuracy, cannot."""
    return outcome != NEVER_WINS and accuracy is not None and not math.isnan(accuracy)
