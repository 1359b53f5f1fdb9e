"""The retrain, without Ray: paused and gone on with, it is what it would have been."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from data_utils.file_access import remove, write_bytes
from data_utils.folder import ImageFolder
from data_utils.places import s3_place, under
from tests.few_digits import few_digits
from tests.s3_server import S3Server
from tests.trainables.test_classifier import RECIPE
from trainables.alike import UnlikeMachineError, of_this_machine
from tuning.retrain import Look, Paused, Retrained, retrain, stop_file


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
    assert list(retrain(recipe, 3, 0, "cpu", 1, str(state))) == [0, Paused(seed=0, epoch=0)]
    assert not state.exists()
    Path(stop_file(str(state))).unlink()
    begun = retrain(recipe, 3, 0, "cpu", 1, str(state))
    assert [next(begun), next(begun)] == [0, 1]
    Path(stop_file(str(state))).touch()
    assert list(begun) == [Paused(seed=0, epoch=1)]
    Path(stop_file(str(state))).unlink()
    first, second, third, again = retrain(recipe, 3, 0, "cpu", 1, str(state))
    assert (first, second, third) == (0, 2, 3)
    assert isinstance(whole, Retrained)
    assert isinstance(again, Retrained)
    assert np.array_equal(again.probabilities, whole.probabilities)


def test_a_machine_that_differs_retrains_nothing(images: Path) -> None:
    """It is refused before the first epoch."""
    needs = replace(of_this_machine(str(images), ImageFolder(images), []), versions={"python": "2.7"})
    with pytest.raises(UnlikeMachineError, match=r"has 2\.7; install the same on both"):
        next(retrain(RECIPE, 1, 0, "cpu", 1, alike=asdict(needs)))


def test_a_look_on_a_disk_sees_at_once(tmp_path: Path) -> None:
    """It costs next to nothing, so it is taken each time."""
    look = Look(str(tmp_path / "stop"))
    assert not look()
    (tmp_path / "stop").touch()
    assert look()


def test_a_look_at_s3_is_taken_once_a_second(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came since is seen by the next; without the server nothing is seen, and nothing fails."""
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    place = under(s3_place("s3://bucket/look"), "stop")
    look = Look(place)
    assert not look()
    write_bytes(place, b"")
    clock[0] += 0.9
    assert not look()
    clock[0] += 0.1
    assert look()
    clock[0] += 1.0
    remove(place)
    assert not look()
    clock[0] += 1.0
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert not Look(s3_place("s3://bucket/away"))()
