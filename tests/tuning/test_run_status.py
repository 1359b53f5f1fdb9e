"""How far a run is, by rows counted by hand."""

from tests.tuning.rows import curve
from tuning.run_status import describe, run_status


def test_before_anything_is_known() -> None:
    """There is nothing to go by."""
    status = run_status(3, 10, [], {}, [], ended=False)
    assert describe(status) == {"trials": "3: 3 waiting", "epochs": "0 of at most 30"}


def test_a_run_under_way() -> None:
    """One trial stopped after two epochs, one has two of ten, one waits: eight and ten epochs may still come."""
    epochs = [*curve(0, 0.5, 0.4), *curve(1, 0.3, 0.6)]
    status = run_status(3, 10, epochs, {0: "stopped_up"}, [], ended=False)
    assert status.most_epochs == 22
    lines = describe(status)
    assert lines["trials"] == "3: 1 stopped_up, 1 under way, 1 waiting"
    assert lines["epochs"] == "4 of at most 22"
    assert lines["best"] == "60.00 % on validation, trial 1, epoch 2"
    assert status.seconds_left == 18 * epochs[0].seconds


def test_a_run_that_has_ended() -> None:
    """The tests are shown, and nothing is left."""
    status = run_status(1, 2, curve(0, 0.5, 0.4), {0: "completed"}, [0.25, 0.75], ended=True)
    assert status.seconds_left is None
    assert describe(status)["tested"] == "25.00 %, 75.00 % (2 retrains)"
    assert describe(status)["trials"] == "1: 1 completed"
    assert describe(status)["left"] == "nothing"


def test_the_best_is_of_a_trial_that_can_win() -> None:
    """One that diverged never does, however good it was before."""
    epochs = [*curve(0, 0.6, None), *curve(1, 0.5, 0.4)]
    status = run_status(2, 2, epochs, {0: "diverged", 1: "completed"}, [], ended=False)
    assert describe(status)["best"] == "50.00 % on validation, trial 1, epoch 1"
    assert "best" not in describe(run_status(2, 2, epochs[:2], {0: "diverged"}, [], ended=False))


def test_a_trial_that_went_on_after_an_epoch_that_was_not_finite_may_be_the_best() -> None:
    """As it may win, with `stop.non_finite: false`: how its last epoch was is what counts."""
    assert run_status(1, 3, curve(0, 0.6, None, 0.4), {}, [], ended=False).best == curve(0, 0.6)[0]


def test_a_run_that_was_interrupted_is_not_done() -> None:
    """What its trials have left may still come; a run that is done says of such trials how they ended."""
    epochs = [*curve(0, 0.6, 0.7), *curve(1, 0.5), *curve(2, 0.4)]
    outcomes = {0: "completed", 1: "stopped_scheduler", 2: "stopped_scheduler"}
    lines = describe(run_status(3, 2, epochs, outcomes, [], ended=False))
    assert lines["trials"] == "3: 1 completed, 2 interrupted"
    assert lines["epochs"] == "4 of at most 6"
    assert "left" not in lines
    lines = describe(run_status(3, 2, epochs, outcomes, [], ended=True))
    assert (lines["trials"], lines["left"]) == ("3: 1 completed, 2 stopped_scheduler", "nothing")
