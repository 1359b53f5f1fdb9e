"""The closed-form curves."""

import pytest

from trainables.toy import ToyTrainable, accuracy


def test_overfit_peaks_at_ten() -> None:
    """0.8 at epoch 10, less on both sides."""
    assert [accuracy("overfit", e) for e in (9, 10, 12)] == pytest.approx([0.795, 0.8, 0.79])


def test_diverge_reports_flags_from_epoch_five() -> None:
    """Four finite epochs, then the flag."""
    toy = ToyTrainable({"kind": "diverge", "max_epochs": 9})
    assert [toy.train()["diverged"] for _ in range(6)] == [False] * 4 + [True] * 2


def test_crash_raises_at_epoch_four() -> None:
    """Three epochs, then the error."""
    toy = ToyTrainable({"kind": "crash", "max_epochs": 9})
    assert [toy.train()["epoch"] for _ in range(3)] == [1, 2, 3]
    with pytest.raises(RuntimeError, match="as told"):
        toy.train()
