"""Ray Tune's events as rows."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from data_utils.places import SCHEME
from trainables.metrics import (
    COMPUTED_BY,
    DEVICE,
    DIVERGED,
    EPOCH,
    IMAGES_PER_SECOND,
    LR,
    PROFILE,
    SECONDS,
    TRAIN_LOSS,
    VAL_ACCURACY,
    VAL_LOSS,
)
from tuning.config import Sweep
from tuning.failures import reason
from tuning.records import EpochRow, TrialRow, Worker, trial_row
from tuning.space import TrialSpec

INDEX = "index"
"""The configuration key that says which trial of the sweep this is."""


class Recorder(tune.Callback):
    """Keeps every epoch that trials report; one seen again replaces the first, and what came after it stands until the
    trial comes to it again, or ends well without."""

    def __init__(self, sweep: Sweep, trials: list[TrialSpec]):
        self._sweep, self._specs = sweep, trials
        self._epochs: dict[int, list[EpochRow]] = {spec.index: [] for spec in trials}
        self._before: dict[int, dict[int, EpochRow]] = {spec.index: {} for spec in trials}
        self._workers: dict[int, Worker] = {}
        self._ended: set[int] = set()
        self._errors: dict[int, str] = {}
        self._profiles: dict[int, dict[int, tuple[float, ...]]] = {spec.index: {} for spec in trials}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Add an epoch's row."""
        index: int = trial.config[INDEX]
        row = EpochRow(
            sweep=self._sweep.name,
            trial=index,
            epoch=result[EPOCH],
            lr=result[LR],
            train_loss=result.get(TRAIN_LOSS),
            val_loss=result.get(VAL_LOSS),
            val_accuracy=result.get(VAL_ACCURACY),
            diverged=result[DIVERGED],
            seconds=result[SECONDS],
            images_per_second=result[IMAGES_PER_SECOND],
            computed_by=result.get(COMPUTED_BY, index),
        )
        rows, parts = self._epochs[index], self._profiles[index]
        while rows and rows[-1].epoch >= row.epoch:  # of a try that failed, until this one comes to them
            again = rows.pop()
            self._before[index][again.epoch] = again
        while parts and next(reversed(parts)) >= row.epoch:
            parts.popitem()
        rows.append(row)
        parts[row.epoch] = tuple(result.get(name, 0.0) for name in PROFILE)
        self._workers[index] = Worker(result["hostname"], result.get(DEVICE))

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Note that a trial has ended."""
        self._end(trial.config[INDEX])

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Keep what a trial raised, and where its whole story stands; and its epochs, of whatever try."""
        index: int = trial.config[INDEX]
        self._epochs[index] = self._so_far(index)
        self._end(index)
        storage = trial.storage
        at_s3 = SCHEME if storage and storage.storage_filesystem.type_name == "s3" else ""
        said = reason(error_text(trial))
        self._errors[index] = f"{said} (whole story: {at_s3}{trial.path}/error.txt)"

    @property
    def all_ended(self) -> bool:
        """Whether every trial came to its own end, good or bad; an interrupt leaves some that did not."""
        return len(self._ended) == len(self._specs)

    @property
    def any_failed(self) -> bool:
        """Whether a trial failed for good, in this process; a resume tries it again."""
        return bool(self._errors)

    @property
    def epochs(self) -> list[EpochRow]:
        """The rows of all epochs, by trial and epoch."""
        return [row for spec in self._specs for row in self._so_far(spec.index)]

    def restore(
        self, index: int, epochs: list[EpochRow], worker: Worker | None, profile: dict[str, float]
    ) -> None:
        """Take in a trial that ended before this process began."""
        self._epochs[index] = [self._own(row) for row in epochs]
        self._profiles[index] = {len(epochs): tuple(profile.get(name, 0.0) for name in PROFILE)}
        if worker:
            self._workers[index] = worker
        self._ended.add(index)

    def remember(self, epochs: Iterable[EpochRow]) -> None:
        """Keep what trials that did not end had reported before this process began, until they come to it again."""
        for row in epochs:
            if row.trial in self._before and not self.has_ended(row.trial):
                self._before[row.trial][row.epoch] = self._own(row)

    def has_ended(self, index: int) -> bool:
        """Return whether a trial came to its own end, good or bad."""
        return index in self._ended

    def result(self, row: EpochRow) -> dict[str, Any]:
        """Return what another trial reports that shares the epoch."""
        # There is none of a trial that failed before it came to its epochs of before again.
        worker = self._workers.get(row.trial)
        return row.metrics.result() | {
            COMPUTED_BY: row.computed_by,
            DEVICE: worker.device if worker else None,
        }

    def of(self, index: int) -> list[EpochRow]:
        """Return the rows of one trial's epochs."""
        return self._epochs[index]

    def trials(self) -> list[TrialRow]:
        """Return a row a trial, once all have ended."""
        return [self.trial(spec.index) for spec in self._specs]

    def ended(self) -> list[TrialRow]:
        """Return the rows of the trials that have ended."""
        return [self.trial(spec.index) for spec in self._specs if spec.index in self._ended]

    def trial(self, index: int) -> TrialRow:
        """Return the row of a trial that has ended."""
        return trial_row(
            self._specs[index],
            self._so_far(index),
            sweep=self._sweep.name,
            stop=self._sweep.stop,
            max_epochs=self._sweep.train.max_epochs,
            worker=self._workers.get(index),
            profile=self._profile(index),
            error=self._errors.get(index),
        )

    def _so_far(self, index: int) -> list[EpochRow]:
        """Return a trial's epochs, and those of before that it has not come to again, which by exactness are the same."""
        now, before = self._epochs[index], self._before[index]
        return now + [before[epoch] for epoch in sorted(before) if epoch > len(now)]

    def _own(self, row: EpochRow) -> EpochRow:
        """Return a row of before under the sweep's name of now, since its folder may have been renamed."""
        return replace(row, sweep=self._sweep.name)

    def _end(self, index: int) -> None:
        self._ended.add(index)
        self._before[index].clear()
        if profile := self._profile(index):  # without its parts, since there may be thousands of trials
            self._profiles[index] = {len(self._epochs[index]): tuple(profile.values())}

    def _profile(self, index: int) -> dict[str, float]:
        """Return where a trial's time went, over the epochs that stand."""
        parts = self._profiles[index].values()
        return dict(zip(PROFILE, map(sum, zip(*parts, strict=True)), strict=True)) if parts else {}


def error_text(trial: Trial) -> str:
    """Return what Ray has written of a trial's failures; it moves to the sweep's folder when the trial is cleaned up."""
    return Path(trial.error_file).read_text(encoding="utf-8") if trial.error_file else ""
