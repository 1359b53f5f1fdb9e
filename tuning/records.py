"""What happened, as rows: after the driver, rows are the only currency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from trainables.metrics import (
    DIVERGED,
    TRAIN_LOSS,
    TRAINING_ITERATION,
    VAL_ACCURACY,
    EpochMetrics,
)
from tuning.config import StopSettings
from tuning.space import TrialSpec
from tuning.stoppers import UpStopper
from tuning.wording import counted


class Outcome(StrEnum):
    """How a trial ended."""

    COMPLETED = "completed"
    """It ran all its epochs."""
    STOPPED_UP = "stopped_up"
    """The UP rule ended it."""
    DIVERGED = "diverged"
    """Its training loss became NaN or infinite; it is never the winner."""
    STOPPED_SCHEDULER = "stopped_scheduler"
    """Something else ended it before its last epoch."""
    ERRORED = "errored"
    """It raised, or its worker died."""


@dataclass(frozen=True, slots=True)
class EpochRow:
    """An epoch of a trial; the columns of `epochs.parquet`. Losses and accuracies are None where not finite."""

    sweep: str
    trial: int
    epoch: int
    lr: float
    train_loss: float | None
    val_loss: float | None
    val_accuracy: float | None
    diverged: bool
    seconds: float
    images_per_second: float
    computed_by: int
    """The trial that computed it: an earlier one where both train alike."""

    @property
    def metrics(self) -> EpochMetrics:
        """What the trainable reported."""
        values = {one.name: getattr(self, one.name) for one in fields(EpochMetrics)}
        return EpochMetrics(**values)


@dataclass(frozen=True)
class TrialRow:
    """A trial; the columns of `trials.parquet`, where the spec's point becomes `config_*`."""

    sweep: str
    spec: TrialSpec
    outcome: Outcome
    stop_reason: str | None
    epochs_run: int
    best_epoch: int | None
    best_val_accuracy: float | None
    seconds: float
    """Of the epochs that it computed itself."""
    host: str | None
    device: str | None
    error: str | None
    profile: Mapping[str, float]
    """Where the time went: the seconds of `metrics.PROFILE`, of the epochs that stand; what a failure undid is left out."""


@dataclass(frozen=True)
class Worker:
    """Where a trial ran last."""

    host: str
    device: str | None


def make_stopper(stop: StopSettings) -> UpStopper:
    """Return the stopper that a sweep's settings ask for."""
    up = stop.up
    return UpStopper(
        VAL_ACCURACY,
        strip_length=up.strip_length if up else 1,
        successive=up.successive if up else None,
        ties=up.ties if up else "stop",
        non_finite=(TRAIN_LOSS,) if stop.non_finite else (),
    )


def trial_row(
    spec: TrialSpec,
    epochs: Sequence[EpochRow],
    *,
    sweep: str,
    stop: StopSettings,
    max_epochs: int,
    worker: Worker | None,
    error: str | None,
    profile: Mapping[str, float] | None = None,
) -> TrialRow:
    """Sum up a trial that has ended, from its rows alone: the stop rules are asked again, on what was recorded."""
    best = best_epoch(epochs)
    if error is not None:
        outcome, reason = Outcome.ERRORED, None
    elif epochs and epochs[-1].diverged:
        outcome, reason = Outcome.DIVERGED, f"{TRAIN_LOSS}: not finite at epoch {epochs[-1].epoch}"
    elif (reason := stop_reason(stop, epochs)) is not None:
        outcome = Outcome.STOPPED_UP
    elif len(epochs) >= max_epochs:
        outcome, reason = (
            Outcome.COMPLETED,
            f"{counted(max_epochs, 'epoch')} done, as many as there were to do",
        )
    else:
        outcome, reason = (
            Outcome.STOPPED_SCHEDULER,
            f"ended from outside at epoch {len(epochs)} of {max_epochs}",
        )
    return TrialRow(
        sweep=sweep,
        spec=spec,
        outcome=outcome,
        stop_reason=reason,
        epochs_run=len(epochs),
        best_epoch=best.epoch if best else None,
        best_val_accuracy=best.val_accuracy if best else None,
        seconds=sum(row.seconds for row in epochs if row.computed_by == spec.index),
        host=worker.host if worker else None,
        device=worker.device if worker else None,
        error=error,
        profile=profile or {},
    )


def best_epoch(epochs: Sequence[EpochRow]) -> EpochRow | None:
    """Return the row of highest validation accuracy, the earliest of equals, or None without any."""
    measured = [row for row in epochs if row.val_accuracy is not None]
    return max(measured, key=lambda row: (row.val_accuracy, -row.epoch), default=None)


def leader(epochs: Sequence[EpochRow]) -> EpochRow | None:
    """Return the row that wins as things stand: the best of all trials but those that diverged, or None without any."""
    diverged = {row.trial: row.diverged for row in epochs}  # by its last epoch, as its outcome is
    return best_epoch([row for row in epochs if not diverged[row.trial]])


def stop_reason(stop: StopSettings, epochs: Sequence[EpochRow]) -> str | None:
    """Return why the last of these epochs ends a trial, or None."""
    stopper = make_stopper(stop)
    for row in epochs:
        result = {TRAINING_ITERATION: row.epoch, VAL_ACCURACY: row.val_accuracy, DIVERGED: row.diverged}
        stopper("", result)
    return stopper.reason("")
