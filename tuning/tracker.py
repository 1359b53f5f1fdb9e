"""What a tracker of experiments is told, and under which names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from trainables.metrics import IMAGES_PER_SECOND, LR, SECONDS, TRAIN_LOSS, VAL_ACCURACY, VAL_LOSS
from tuning.records import EpochRow, Outcome, TrialRow
from tuning.retrain import Diverged, Failed, RetrainEnd
from tuning.selection import Pick
from tuning.space import TrialSpec
from tuning.told import Told

FIGURES = (LR, TRAIN_LOSS, VAL_LOSS, VAL_ACCURACY, SECONDS, IMAGES_PER_SECOND)
"""What is a curve: the figures of `epochs.parquet`."""


class Tracker(Protocol):
    """One run a trial and one a retrain, told in order from one thread; `when` is in seconds since 1970.

    After a resume, or a try that failed, what was told before may come again: it goes to the same run, and adds nothing.
    Methods may wait, and raise whatever they like.
    """

    name: str
    """Its key in the sweep file's `track`."""
    told: Told
    """What it has been told to the end, in this process or one before."""

    def passing(self, error: Exception) -> bool:
        """Return whether a call that raised this may succeed later."""

    def start(self, spec: TrialSpec, when: float) -> None:
        """Take in that a trial starts."""

    def epoch(self, row: EpochRow, when: float) -> None:
        """Take in an epoch of a trial; in one process each comes once."""

    def end(self, row: TrialRow, when: float) -> None:
        """Take in that a trial has ended."""

    def retrained(
        self, spec: TrialSpec, pick: Pick, end: RetrainEnd, files: Sequence[Path], began: float, when: float
    ) -> None:
        """Take in how a retrain ended; `files` are the model's, if it is the one that is kept."""


def measured(row: EpochRow) -> dict[str, float]:
    """Return an epoch's figures, less those that were not finite."""
    return {name: value for name in FIGURES if (value := getattr(row, name)) is not None}


def ended(row: TrialRow) -> dict[str, Any]:
    """Return how a trial ended, and its best epoch."""
    names = ("stop_reason", "epochs_run", "best_epoch", "best_val_accuracy", "host", "device", "error")
    return {"outcome": str(row.outcome)} | {name: getattr(row, name) for name in names}


def tested(end: RetrainEnd) -> tuple[dict[str, float], dict[str, Any]]:
    """Return a retrain's test figures, under the names of `test.parquet`, and how it ended."""
    if isinstance(end, Failed):
        return {}, {"outcome": str(Outcome.ERRORED), "error": end.error}
    if isinstance(end, Diverged):
        return {}, {"outcome": str(Outcome.DIVERGED), "stop_reason": f"not finite at epoch {end.epoch}"}
    figures = {"test_accuracy": end.accuracy, "test_mean_class_accuracy": end.mean_class_accuracy}
    if end.loss is not None:
        figures["test_loss"] = end.loss
    facts = {"train_images": end.train_images, "split_digest": end.split_digest}
    return figures, {"outcome": str(Outcome.COMPLETED)} | facts
