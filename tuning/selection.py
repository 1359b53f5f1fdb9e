"""Which (trial, epoch) wins, from our own rows: Ray's `get_best_result` looks at last values and stumbles over NaN."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuning.records import EpochRow, TrialRow
from tuning.winning import can_win, rank


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
    outcomes = {row.spec.index: row.outcome for row in trials}
    candidates = [
        Pick(row.trial, row.epoch, row.val_accuracy)
        for row in epochs
        if row.trial in outcomes
        and row.val_accuracy is not None
        and can_win(outcomes[row.trial], row.val_accuracy)
    ]
    return min(candidates, key=lambda p: rank(p.val_accuracy, p.epoch, p.trial), default=None)
