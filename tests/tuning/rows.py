"""Rows for tests."""

from typing import Any

from tuning.config import Sweep
from tuning.records import EpochRow
from tuning.space import TrialSpec, trial_specs


def specs(count: int = 2) -> list[TrialSpec]:
    """Return trials that differ in lr."""
    points = [{"lr": 0.1 / (i + 1), "step_size": 20} for i in range(count)]
    values: dict[str, Any] = {
        "name": "s", "data": {"root": "sample"}, "model": {"arch": "alexnet"}, "search": {"points": points},
    }  # fmt: skip
    return trial_specs(Sweep.model_validate(values))


def curve(trial: int, *accuracies: float | None, sweep: str = "s") -> list[EpochRow]:
    """Return a trial's rows; None is an epoch that diverged."""
    return [
        EpochRow(
            sweep,
            trial,
            epoch,
            0.1,
            None if a is None else 1.0,
            None if a is None else 1.0,
            a,
            a is None,
            2.0,
            9.0,
            trial,
        )
        for epoch, a in enumerate(accuracies, 1)
    ]
