"""The study's table from made-up sweeps, without running any."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data_utils.errors import InputError
from tests.tuning.rows import curve
from tests.tuning.test_results import RETRAINED
from tuning.config import load_sweep
from tuning.ending import Ending, write_ending
from tuning.records import trial_row
from tuning.report_overview import overview_page
from tuning.report_sweep import sweep_page
from tuning.results import load_study_rows, write_test, write_trials
from tuning.scaled import scale_of, scaled, scaled_notes
from tuning.space import trial_specs
from tuning.study_file import Figure, Study, load_study
from tuning.study_table import readable, write_study
from tuning.wording import percent

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


def ended(folder: Path, tested: int, file: str = SWEEP, *overrides: str) -> Study:
    """Return a study whose sweep has ended with trial 1 as its winner and a test of trial `tested`.

    Args:
        file: what the sweep's file holds; with the overrides of the command it is `SWEEP`.
    """
    (folder / "sweep.yaml").write_text(file)
    (folder / "study.yaml").write_text(STUDY)
    study = load_study(folder / "study.yaml", list(overrides), given={"storage": str(folder)})
    (member,) = study.members
    member.folder.mkdir(parents=True)
    (member.folder / "sweep.yaml").write_text(SWEEP)
    sweep = load_sweep(member.folder / "sweep.yaml")
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


def test_a_figures_trial_is_found_by_a_null_too(tmp_path: Path) -> None:
    """Which Parquet gives back as no number."""
    study = ended(tmp_path, tested=1)
    point = {"seed": 1, "freeze": None}
    rows = table(replace(study, figures=[Figure(run="seed 1", sweep="first", point=point)]))
    assert rows["seed 1"]["trial"] == 0


def test_what_the_file_lacks_and_the_command_gives_is_no_difference(tmp_path: Path) -> None:
    """The table of such a study is written; what the file holds, or could do without, is one."""
    lacking = SWEEP.replace("data: {root: sample}\n", "").replace("max_epochs: 2", "max_epochs: 9")
    study = ended(tmp_path, 1, lacking, "data.root=sample", "train.max_epochs=2")
    assert {row["differs"] for row in table(study).values()} == {"train.max_epochs 9 -> 2"}


def test_a_sweep_may_get_its_name_from_the_study(tmp_path: Path) -> None:
    """Its file then needs none."""
    study = ended(tmp_path, tested=1)
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("name: first\n", ""))
    assert {row["differs"] for row in table(study).values()} == {""}


def test_a_winner_that_is_no_figures_has_a_row_of_its_own(tmp_path: Path) -> None:
    """With the test, which otherwise the table would not have; without a winner there is none to add."""
    study = replace(
        ended(tmp_path, tested=1), figures=[Figure(run="seed 1", sweep="first", point={"seed": 1})]
    )
    rows = table(study)
    assert list(rows) == ["seed 1", "first, our winner"]
    assert (rows["first, our winner"]["trial"], rows["first, our winner"]["test_accuracy"]) == (1, 0.5)
    write_ending(
        study.members[0].folder, Ending(False, None, None, train_images=4, val_images=4, test_images=2)
    )
    assert list(table(study)) == ["seed 1"]


def test_the_table_shows_pair_reason_and_intervals(tmp_path: Path) -> None:
    """Of both accuracies, labelled: by Wilson 2 of 4 images are 15 % to 85 %, 1 of 2 is 9.45 % to 90.55 %."""
    study = ended(tmp_path, tested=1)
    write_study(study)
    rows = load_study_rows(study.folder)
    assert rows is not None
    shown = readable(rows).iloc[0]
    assert shown["ours: pair"] == "0.1, 30"
    assert shown["validation, 95 % interval (Wilson)"] == "15.00 % to 85.00 %"
    assert shown["test, 95 % interval (Wilson)"] == "9.45 % to 90.55 %"
    assert shown["ours: mean per class"] == percent(RETRAINED.mean_class_accuracy)
    assert shown["why"] == "2 epochs done, as many as there were to do"


def test_a_scaled_sweep_says_so_itself(tmp_path: Path) -> None:
    """In its settings, its report and `upsweep results`, which a study's table does not go with; another is silent."""
    study = ended(tmp_path, tested=1)
    member = replace(study.members[0], scale="small")
    assert scaled_notes(study.folder) == []
    (member.folder / "sweep.yaml").write_text(f"{SWEEP}scale: {member.sweep().scale}\n")
    for root, name in ((member.folder, "first"), (study.folder, "first"), (tmp_path, "one/first")):
        assert scaled_notes(root) == [f"{name}: {scaled('small')}"]
    assert sweep_page(member.folder).notes[0] == (
        "This is a smaller version of its study (small), whose figures are not those of the whole."
    )


def test_a_scaled_sweep_is_marked_in_the_overview(tmp_path: Path) -> None:
    """In its row, beside its bar, and in a note; one that is whole, which says so as it is written, is not."""
    study = ended(tmp_path, tested=1)
    settings = study.members[0].folder / "sweep.yaml"
    for written, name, notes in (
        ("scale: null", "first", []),
        ("scale: small", "first (small)", [f"first: {scaled('small')}"]),
        ("'scale' : small", "first (small)", [f"first: {scaled('small')}"]),
    ):
        settings.write_text(f"{SWEEP}{written}\n")
        page = overview_page(study.folder, study.folder)
        assert page.sweeps.rows[0][0].text == name
        assert page.notes == notes
        assert page.plot is not None
        assert page.plot.figure.layout.yaxis.ticktext == (name,)


def test_a_whole_sweeps_settings_are_not_parsed_for_a_scale(tmp_path: Path) -> None:
    """Of a thousand sweeps that took half a minute: what follows here would be no YAML."""
    (tmp_path / "sweep.yaml").write_text("scale: null\n'")
    assert scale_of(str(tmp_path)) is None
    (tmp_path / "sweep.yaml").write_text("name: '")
    assert scale_of(str(tmp_path)) is None
    (tmp_path / "sweep.yaml").write_text("scale: 'small")
    with pytest.raises(InputError, match="not valid YAML"):
        scale_of(str(tmp_path))


def test_a_test_of_another_trial_is_no_figure_of_the_winner(tmp_path: Path) -> None:
    """As a resume leaves it that picked another winner."""
    assert pd.isna(table(ended(tmp_path, tested=0))["winner"]["test_accuracy"])


def test_another_transform_is_a_difference(tmp_path: Path) -> None:
    """Against the one that `auto` stands for, which a sweep that ran has written out."""
    study = ended(tmp_path, tested=1)
    settings = study.members[0].folder / "sweep.yaml"
    for transform, differs in (("scratch", ""), ("transfer", "data.transform scratch -> transfer")):
        settings.write_text(SWEEP.replace("root: sample", f"root: sample, transform: {transform}"))
        assert {row["differs"] for row in table(study).values()} == {differs}
