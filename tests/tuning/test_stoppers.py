"""The Ray shell: one trial apart from another, epochs seen again, pickled in between."""

import math
import pickle
from typing import Any

import pytest

from tuning.stoppers import UpStopper


def result(epoch: int, accuracy: float | None = 0.5, **more: Any) -> dict[str, Any]:
    """Return a Ray result."""
    return {"training_iteration": epoch, "val_accuracy": accuracy, "train_loss": 1.0} | more


def feed(stopper: UpStopper, trial: str, *accuracies: float, start: int = 1) -> list[bool]:
    """Return the stopper's answers to a curve."""
    return [stopper(trial, result(epoch, value)) for epoch, value in enumerate(accuracies, start)]


def up() -> UpStopper:
    """Return k = 1, s = 2."""
    return UpStopper(strip_length=1, successive=2)


def test_it_stops_where_up_does_and_says_why() -> None:
    """At the second drop, with a reason that names metric and rule."""
    stopper = up()
    assert feed(stopper, "a", 3, 2, 1) == [False, False, True]
    assert stopper.reason("a") == (
        "val_accuracy: UP: no progress at 2 successive strip ends (every 1 epochs), from 3 to 1 at epoch 3"
    )
    assert stopper.stop_all() is False


def test_trials_do_not_meet() -> None:
    """One trial's drops are not another's."""
    stopper = up()
    assert feed(stopper, "a", 3, 2) == [False, False]
    assert feed(stopper, "b", 3, 4) == [False, False]
    assert feed(stopper, "a", 1, start=3) == [True]
    assert stopper.reason("b") is None


def test_an_epoch_seen_again_replaces_what_came_after_it() -> None:
    """1 2 3 | 3 4: the second 3 is the one that counts (a retry), and 2 3 4 after it start anew (a restore)."""
    stopper = up()
    assert feed(stopper, "a", 5, 4, 6) == [False, False, False]
    assert feed(stopper, "a", 3, start=3) == [True]
    assert feed(stopper, "a", 6, 5, 4, start=2) == [False, False, True]


def test_missing_epochs_are_a_loud_error() -> None:
    """A stopper restored without the trial's past must not guess."""
    stopper = up()
    feed(stopper, "a", 5)
    with pytest.raises(ValueError, match="epoch 3 after epoch 1"):
        stopper("a", result(3))


def test_it_goes_on_after_pickling() -> None:
    """Ray pickles it with the experiment."""
    stopper = up()
    feed(stopper, "a", 3, 2)
    again: UpStopper = pickle.loads(pickle.dumps(stopper))
    assert feed(again, "a", 1, start=3) == [True]


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, None])
def test_a_loss_that_is_not_finite_stops(loss: float | None) -> None:
    """Whatever UP thinks."""
    stopper = UpStopper()
    assert stopper("a", result(1, train_loss=loss)) is True
    assert stopper.reason("a") == "train_loss: not finite at epoch 1"


def test_the_diverged_flag_stands_for_a_loss_that_is_not_finite() -> None:
    """The accuracy may then be missing."""
    assert UpStopper()("a", {"training_iteration": 1, "diverged": True}) is True


def test_any_trainable_and_metric() -> None:
    """Another metric, lower is better, no loss reported at all."""
    stopper = UpStopper("error", mode="min", strip_length=1, successive=1)
    assert stopper("a", {"training_iteration": 1, "error": 0.1}) is False
    assert stopper("a", {"training_iteration": 2, "error": 0.2}) is True


def test_a_missing_metric_is_named() -> None:
    """A misspelt metric would otherwise never stop anything."""
    with pytest.raises(ValueError, match="reported no 'val_accuracy' at epoch 1"):
        UpStopper()("a", {"training_iteration": 1})


def test_without_up_only_non_finite_stops() -> None:
    """`successive=None` leaves UP out."""
    stopper = UpStopper(successive=None)
    assert feed(stopper, "a", *range(50, 0, -1)) == [False] * 50
