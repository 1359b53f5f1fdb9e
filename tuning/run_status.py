"""How far a run is, by what its tables hold: trials, epochs, the best so far, the time left by what is known."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tuning.records import EpochRow, Outcome, leader
from tuning.wording import counted, percent


@dataclass(frozen=True)
class RunStatus:
    """How far a run is."""

    trials: int
    """Of the sweep."""
    outcomes: Mapping[str, int]
    """{how trials ended: how many}"""
    under_way: int
    """Trials that have reported epochs and not ended."""
    interrupted: int
    """Trials that an interrupt of the run ended, which a resume goes on with."""
    epochs: int
    """Reported so far, of all trials."""
    most_epochs: int
    """That there may still be, with those so far: an ended trial's count as they are."""
    best: EpochRow | None
    """Epoch."""
    tested: Sequence[float]
    """The test accuracies of the retrains so far."""
    seconds_left: float | None
    """For the trials, should none stop early; None before there is anything to go by, or when none is under way."""
    ended: bool
    """Whether all is done, well or not."""


def run_status(
    trials: int,
    max_epochs: int,
    epochs: Sequence[EpochRow],
    outcomes: dict[int, str],
    tested: Sequence[float],
    ended: bool,
) -> RunStatus:
    """Count a run's rows.

    Args:
        trials: of the sweep.
        max_epochs: of each.
        epochs: those reported so far.
        outcomes: {trial: how it ended}.
        tested: test accuracies of the retrains that gave a model.
        ended: whether the run says of itself that all is done.
    """
    # While it does not, nothing but an interrupt ends a trial so.
    interrupted = {trial for trial, how in outcomes.items() if how == Outcome.STOPPED_SCHEDULER and not ended}
    over = outcomes.keys() - interrupted
    reached: dict[int, int] = {}
    for row in epochs:
        reached[row.trial] = max(row.epoch, reached.get(row.trial, 0))
    at_once = len(reached.keys() - outcomes.keys())
    left = sum(max_epochs - reached.get(trial, 0) for trial in range(trials) if trial not in over)
    return RunStatus(
        trials=trials,
        outcomes=Counter(how for trial, how in outcomes.items() if trial in over),
        under_way=at_once,
        interrupted=len(interrupted),
        epochs=len(epochs),
        most_epochs=len(epochs) + left,
        best=leader(epochs),
        tested=tested,
        seconds_left=left * median(row.seconds for row in epochs) / at_once if at_once else None,
        ended=ended,
    )


def describe(status: RunStatus) -> dict[str, str]:
    """Return a status as {heading: text} for a person."""
    waiting = status.trials - sum(status.outcomes.values()) - status.under_way - status.interrupted
    parts = [f"{count} {outcome}" for outcome, count in status.outcomes.items()]
    parts += [f"{status.under_way} under way"] if status.under_way else []
    parts += [f"{status.interrupted} interrupted"] if status.interrupted else []
    parts += [f"{waiting} waiting"] if waiting else []
    lines = {
        "trials": f"{status.trials}: {', '.join(parts)}",
        "epochs": f"{status.epochs} of at most {status.most_epochs}",
    }
    if status.best and status.best.val_accuracy is not None:
        best, accuracy = status.best, status.best.val_accuracy
        lines["best"] = f"{percent(accuracy)} on validation, trial {best.trial}, epoch {best.epoch}"
    if status.tested:
        lines["tested"] = (
            f"{', '.join(map(percent, status.tested))} ({counted(len(status.tested), 'retrain')})"
        )
    if status.ended:
        lines["left"] = "nothing"
    elif status.seconds_left is not None:
        lines["left"] = f"about {_duration(status.seconds_left)} of trials if none stops early"
    return lines


def _duration(seconds: float) -> str:
    """Return a time as `45 s`, `12 min` or `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
