"""The rule that picks the winner."""

from tuning.winning import can_win, rank


def test_accuracy_then_the_earlier_epoch_then_the_earlier_trial() -> None:
    """Of trials 0 to 3 the third is best: as accurate as the second, at an earlier epoch than it, and before the fourth."""
    trials = [rank(0.6, 1, 0), rank(0.7, 9, 1), rank(0.7, 8, 2), rank(0.7, 8, 3)]
    assert sorted(trials) == [trials[2], trials[3], trials[1], trials[0]]


def test_one_that_diverged_or_has_no_accuracy_cannot_win() -> None:
    """However good it was before; one that failed can, by what it reported until then."""
    assert can_win("errored", 0.0)
    assert not can_win("diverged", 1.0)
    assert not can_win("completed", None)
    assert not can_win("completed", float("nan"))
