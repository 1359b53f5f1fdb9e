"""The study's table from made-up sweeps, without running any."""

from pathlib import Path
from typing import Any

import pandas as pd

from tests.tuning.rows import curve
from tests.tuning.test_results import RETRAINED
from tuning.config import load_sweep
from tuning.ending import Ending, write_ending
from tuning.records import trial_row
from tuning.results import load_study_rows, write_test, write_trials
from tuning.space import trial_specs
from tuning.study_file import Study, load_study
from tuning.study_table import write_study

SWEEP = """name: first
data: {root: sample}
model: {arch: alexnet}
train: {max_epochs: 2}
search: {points: [{lr: 0.1, seed: 1}, {lr: 0.1, seed: 2}]}
"""
STUDY = """name: one
sweeps: [{file: sweep.yaml}]
figures:
  - {run: winner, sweep: first}
  - {run: seed 1, sweep: first, point: {seed: 1}}
"""


def ended(folder: Path, tested: int) -> Study:
    """Return a study whose sweep has ended with trial 1 as its winner and a test of trial `tested`."""
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "study.yaml").write_text(STUDY)
    study = load_study(folder / "study.yaml", given={"storage": str(folder)})
    (member,) = study.members
    member.folder.mkdir(parents=True)
    (member.folder / "sweep.yaml").write_text(SWEEP)
    sweep = load_sweep(folder / "sweep.yaml")
    specs = trial_specs(sweep)
    rows = [
        trial_row(spec, epochs, sweep="first", stop=sweep.stop, max_epochs=2, worker=None, error=None)
        for spec, epochs in zip(specs, (curve(0, 0.25, 0.25), curve(1, 0.25, 0.5)), strict=True)
    ]
    write_trials(member.folder, rows)
    write_test(member.folder, "first", specs[tested], [RETRAINED])
    write_ending(member.folder, Ending(True, 1, 2, train_images=4, val_images=4, test_images=2))
    return study


def table(study: Study) -> dict[str, Any]:
    """Return the rows that are written, by run."""
    write_study(study)
    rows = load_study_rows(study.folder)
    assert rows is not None
    return {row["run"]: row for row in rows.to_dict("records")}


def test_a_figures_trial_is_found_by_its_seed_too(tmp_path: Path) -> None:
    """Whose column is called `seed` alone; the test is the winner's."""
    rows = table(ended(tmp_path, tested=1))
    assert (rows["seed 1"]["trial"], rows["winner"]["trial"]) == (0, 1)
    assert rows["winner"]["test_accuracy"] == 0.5
    assert pd.isna(rows["seed 1"]["test_accuracy"])


def test_a_test_of_another_trial_is_no_figure_of_the_winner(tmp_path: Path) -> None:
    """As a resume leaves it that picked another winner."""
    assert pd.isna(table(ended(tmp_path, tested=0))["winner"]["test_accuracy"])
