"""The winner."""

from tests.tuning.rows import curve, specs
from tuning.config import StopSettings
from tuning.records import EpochRow, TrialRow, trial_row
from tuning.selection import Pick, pick


def trials(curves: list[list[EpochRow]], errors: tuple[int, ...] = ()) -> list[TrialRow]:
    """Return the trials' rows of these curves."""
    return [
        trial_row(
            spec, rows, sweep="s", stop=StopSettings(), max_epochs=9, worker=None,
            error="boom" if spec.index in errors else None,
        )
        for spec, rows in zip(specs(len(curves)), curves, strict=True)
    ]  # fmt: skip


def choose(*curves: list[EpochRow], errors: tuple[int, ...] = ()) -> Pick | None:
    """Return the winner of these curves."""
    return pick(trials(list(curves), errors), [row for rows in curves for row in rows])


def test_the_best_epoch_over_all_trials_wins() -> None:
    """Not the last one's, not the mean."""
    assert choose(curve(0, 0.1, 0.9, 0.2), curve(1, 0.5, 0.6, 0.7)) == Pick(0, 2, 0.9)


def test_ties_go_to_the_earlier_epoch_then_the_earlier_trial() -> None:
    """So that the pick depends on no order of arrival."""
    assert choose(curve(0, 0.1, 0.2, 0.9), curve(1, 0.1, 0.9)) == Pick(1, 2, 0.9)
    assert choose(curve(0, 0.1, 0.9), curve(1, 0.1, 0.9)) == Pick(0, 2, 0.9)


def test_a_diverged_trial_is_discarded_with_its_best_epoch() -> None:
    """The paper's first pair."""
    assert choose(curve(0, 0.95, None), curve(1, 0.5)) == Pick(1, 1, 0.5)


def test_an_errored_trials_epochs_count() -> None:
    """They are what any run of it gives."""
    assert choose(curve(0, 0.95), curve(1, 0.5), errors=(0,)) == Pick(0, 1, 0.95)


def test_without_a_finite_epoch_there_is_no_winner() -> None:
    """All diverged, or none began."""
    assert choose(curve(0, 0.5, None), curve(1, None)) is None
    assert choose([], [], errors=(0, 1)) is None
