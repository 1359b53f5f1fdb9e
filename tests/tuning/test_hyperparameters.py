"""A searched seed is shown like any other hyperparameter, wherever these are."""

from pathlib import Path

import pytest

from tests.tuning.rows import curve
from tuning.analysis import best_epochs, learning_curves
from tuning.config import StopSettings, Sweep
from tuning.frames import Frames
from tuning.hyperparameters import column, label, varied
from tuning.records import trial_row
from tuning.results import load, write_epochs, write_trials
from tuning.space import trial_specs
from tuning.summary import trials_table

SWEEP = {
    "name": "s", "data": {"root": "sample"}, "model": {"arch": "alexnet"},
    "search": {"grid": {"lr": [0.1], "seed": [7, 8]}},
}  # fmt: skip


@pytest.fixture
def frames(tmp_path: Path) -> Frames:
    """Return a sweep of two trials that differ in their seeds alone."""
    rows = [curve(trial, 0.5) for trial in (0, 1)]
    write_epochs(tmp_path, [row for of_trial in rows for row in of_trial])
    ended = [
        trial_row(spec, of_trial, sweep="s", stop=StopSettings(), max_epochs=1, worker=None, error=None)
        for spec, of_trial in zip(trial_specs(Sweep.model_validate(SWEEP)), rows, strict=True)
    ]
    write_trials(tmp_path, ended)
    return load(tmp_path)


def test_a_searched_seed_is_shown(frames: Frames) -> None:
    """In the terminal, and beside best epochs and curves."""
    trials = frames.read("trials")
    assert varied(trials) == ["seed"]
    shown = trials_table(trials)
    assert [str(cell) for one in shown.columns if one.header == "seed" for cell in one.cells] == ["7", "8"]
    assert best_epochs(frames)["seed"].tolist() == [7, 8]
    assert learning_curves(frames, ["lr"])["seed"].tolist() == [7, 8]


def test_a_hyperparameter_has_its_column_and_the_column_its_label() -> None:
    """The seed without the prefix."""
    assert [column(name) for name in ("lr", "seed")] == ["config_lr", "seed"]
    assert [label(name) for name in ("config_lr", "seed")] == ["lr", "seed"]
