"""Which (trial, epoch) wins, from our own rows: Ray's `get_best_result` looks at last values and stumbles over NaN."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuning.records import EpochRow, Outcome, TrialRow


@dataclass(frozen=True)
class Pick:
    """The winner: retrain this trial's recipe for this many epochs."""

    trial: int
    epoch: int
    val_accuracy: float


def pick(trials: Iterable[TrialRow], epochs: Sequence[EpochRow]) -> Pick | None:
    """Return the best epoch of all trials that did not diverge; of equals the earlier epoch, then the earlier trial.

    The finite epochs of a trial that errored count: its numbers up to then are what any run of it would give.
    None if every trial diverged or none finished an epoch.
    """
    eligible = {row.spec.index for row in trials if row.outcome is not Outcome.DIVERGED}
    candidates = [
        Pick(row.trial, row.epoch, row.val_accuracy)
        for row in epochs
        if row.trial in eligible and row.val_accuracy is not None
    ]
    return min(candidates, key=lambda p: (-p.val_accuracy, p.epoch, p.trial), default=None)
