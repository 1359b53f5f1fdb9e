"""The retrain, without Ray: paused and gone on with, it is what it would have been."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.few_digits import few_digits
from tests.trainables.test_classifier import RECIPE
from tuning.retrain import Paused, Retrained, retrain, stop_file


def test_a_pause_is_asked_for_beside_the_state() -> None:
    """Wherever that is."""
    assert stop_file("/runs/state.pt") == "/runs/state.pt.stop"
    assert stop_file("s3://bucket/state.pt?region=r") == "s3://bucket/state.pt.stop?region=r"


def test_a_pause_keeps_the_epochs_that_are_done(tmp_path: Path) -> None:
    """At the end of an epoch, though no checkpoint was due; one that is asked for before the first keeps nothing."""
    state = tmp_path / "state.pt"
    recipe = replace(RECIPE, root=str(few_digits()), batch_size=10)
    *_, whole = retrain(recipe, 3, 0, "cpu", 1)
    Path(stop_file(str(state))).touch()
    assert list(retrain(recipe, 3, 0, "cpu", 1, str(state))) == [Paused(seed=0, epoch=0)]
    assert not state.exists()
    Path(stop_file(str(state))).unlink()
    begun = retrain(recipe, 3, 0, "cpu", 1, str(state))
    assert next(begun) == 1
    Path(stop_file(str(state))).touch()
    assert list(begun) == [Paused(seed=0, epoch=1)]
    Path(stop_file(str(state))).unlink()
    second, third, again = retrain(recipe, 3, 0, "cpu", 1, str(state))
    assert (second, third) == (2, 3)
    assert isinstance(whole, Retrained)
    assert isinstance(again, Retrained)
    assert np.array_equal(again.probabilities, whole.probabilities)
