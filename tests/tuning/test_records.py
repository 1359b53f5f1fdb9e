"""How a trial ended, told from its rows."""

import pytest

from tests.tuning.rows import curve, specs
from tuning.config import StopSettings, UpSettings
from tuning.records import Outcome, TrialRow, Worker, trial_row

STOP = StopSettings(up=UpSettings(strip_length=1, successive=2))


def ended(*accuracies: float | None, error: str | None = None, stop: StopSettings = STOP) -> TrialRow:
    """Return the row of a trial of at most four epochs."""
    worker = Worker("host", "cpu") if accuracies else None
    return trial_row(
        specs()[1], curve(1, *accuracies), sweep="s", stop=stop, max_epochs=4, worker=worker, error=error
    )


@pytest.mark.parametrize(
    ("accuracies", "outcome", "reason", "best"),
    [
        ((1, 2, 3, 4), Outcome.COMPLETED, "4 epochs done, as many as there were to do", (4, 4)),
        ((3, 2, 1), Outcome.STOPPED_UP, "val_accuracy: UP: no progress at 2 successive strip ends", (1, 3)),
        ((1, 4, 3, 2), Outcome.STOPPED_UP, "val_accuracy: UP", (2, 4)),
        ((1, 2, None), Outcome.DIVERGED, "train_loss: not finite at epoch 3", (2, 2)),
        ((None,), Outcome.DIVERGED, "train_loss: not finite at epoch 1", (None, None)),
        ((1, 2), Outcome.STOPPED_SCHEDULER, "ended from outside at epoch 2 of 4", (2, 2)),
        ((2, 2), Outcome.STOPPED_SCHEDULER, "ended from outside", (1, 2)),
    ],
)
def test_outcomes(
    accuracies: tuple[float | None, ...], outcome: Outcome, reason: str, best: tuple[int | None, float | None]
) -> None:
    """Every outcome carries a reason; the best epoch is the earliest of equals."""
    row = ended(*accuracies)
    assert row.outcome is outcome
    assert row.stop_reason is not None
    assert row.stop_reason.startswith(reason)
    assert (row.best_epoch, row.best_val_accuracy) == best
    assert (row.epochs_run, row.seconds) == (len(accuracies), 2.0 * len(accuracies))


def test_an_error_is_the_outcome_whatever_the_curve() -> None:
    """And its rows still count for the best epoch."""
    row = ended(3, 2, error="boom")
    assert (row.outcome, row.error, row.stop_reason, row.best_epoch) == (Outcome.ERRORED, "boom", None, 1)


def test_without_up_falling_curves_complete() -> None:
    """`stop.up: null`."""
    assert ended(4, 3, 2, 1, stop=StopSettings(up=None)).outcome is Outcome.COMPLETED
