"""A study on a real Ray: what one sweep hands to the next, going on, and the table."""

import io
import json
import shutil
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from data_utils.errors import InputError
from tests.conftest import Run
from tests.few_digits import few_digits
from tests.tuning.test_interrupts import send_when
from tuning.ending import ENDING, read_ending, write_ending
from tuning.journal import FOLDER as JOURNAL
from tuning.pinned import SETTINGS, keep_settings
from tuning.results import load, load_study_rows
from tuning.study import StudyResult, plan_study, run_study
from tuning.study_file import Study, load_study
from tuning.study_table import study_notes, study_table

pytestmark = pytest.mark.usefixtures("local_ray")

SWEEP = """name: first
data: {root: ROOT, resize: 64, image_size: 64, batch_size: 10}
model: {arch: alexnet, hidden: 16, init: kaiming}
train: {max_epochs: 3}
resources: {cpus: auto}
search: {points: [{lr: 1.0e+25}, {lr: 0.01}]}
"""
STUDY = """name: both
sweeps:
  - {file: sweep.yaml}
  - {file: sweep.yaml, name: second, best_point_of: first, set: {train.seed: 1, retrain: null}}
  - {file: sweep.yaml, name: hopeless, set: {search.points: [{lr: 1.0e+25}]}}
  - {file: sweep.yaml, name: orphan, best_point_of: hopeless}
scales:
  small: {train.max_epochs: 2}
figures:
  - {run: first (0.01), sweep: first, point: {lr: 0.01}, val_accuracy: 0.5, epoch: 9, stopped: never, test_accuracy: 0.25}
  - {run: first (1e25), sweep: first, point: {lr: 1.0e+25}, stopped: NaN at 1}
  - {run: second, sweep: second}
"""


def loaded(folder: Path, *overrides: str) -> Study:
    """Return the study, in a folder of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "sweep.yaml").write_text(SWEEP.replace("ROOT", str(few_digits())))
    (folder / "study.yaml").write_text(STUDY)
    return load_study(folder / "study.yaml", list(overrides), "small", {"storage": str(folder / "runs")})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the study lies."""
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def study(folder: Path, local_ray: None) -> StudyResult:
    """Run the study."""
    return run_study(loaded(folder))


def rows(result: StudyResult) -> pd.DataFrame:
    """Return the study's table."""
    found = load_study_rows(result.folder)
    assert found is not None
    return found


def test_the_best_point_is_handed_on(study: StudyResult) -> None:
    """The rate that does not diverge wins, so the second sweep tries it alone; without a winner none is handed."""
    trials = load(study.folder / "second").trials
    assert trials is not None
    assert trials["config_lr"].tolist() == [0.01]
    assert not study.ok
    assert study.left_out == {"orphan": "hopeless has no winner whose hyperparameters it could try"}
    assert {name: one.ok for name, one in study.ended.items()} == {
        "first": True,
        "second": True,
        "hopeless": False,
    }


def test_the_ending_says_split_and_versions(study: StudyResult) -> None:
    """Of what was tested, and of what was not as it has no winner."""
    test = load(study.folder / "first").read("test")
    for ending in study.ended.values():
        assert ending.split_digest == test["split_digest"].item()
        assert ending.versions == json.loads(test["versions"].item())


def test_the_table_has_the_papers_figures_beside_ours(study: StudyResult) -> None:
    """Of the trial with the figure's point, or the winner; the test is the winner's alone."""
    table = rows(study).set_index("run")
    first = load(study.folder / "first")
    assert first.trials is not None
    assert first.test is not None
    best, nan, second, hopeless = (
        table.loc[run] for run in ("first (0.01)", "first (1e25)", "second", "hopeless")
    )
    assert (best["paper_val_accuracy"], best["paper_epoch"], best["paper_stopped"]) == (0.5, 9, "never")
    assert best["val_accuracy"] == first.trials["best_val_accuracy"][1]
    assert best["test_accuracy"] == first.test["test_accuracy"].item()
    assert best["test_low"] < best["test_accuracy"] < best["test_high"]
    assert (nan["outcome"], nan["epochs_run"]) == ("diverged", 1)
    assert pd.isna(nan["test_accuracy"])
    assert second["sweep"] == "second"
    assert pd.isna(hopeless["trial"])


def test_the_table_is_shown_with_blanks_for_what_is_not_there(study: StudyResult) -> None:
    """As a person reads it, whatever the paper or we have no figure for."""
    console = Console(width=320, record=True, file=io.StringIO())
    console.print(study_table(rows(study)))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert "run paper: validation" in " ".join(lines[0])
    assert "ours (small): validation validation, 95 % interval (Wilson) ours (small): ended why" in " ".join(
        lines[0]
    )
    (best,) = [line for line in lines if line[:2] == ["first", "(0.01)"]]
    assert best[2:9] == ["50.00", "%", "at", "9", "never", "25.00", "%"]
    (nan,) = [line for line in lines if line[:2] == ["first", "(1e25)"]]
    said = ["train_loss:", "not", "finite", "at", "epoch", "1"]
    assert nan == ["first", "(1e25)", "NaN", "at", "1", "1e+25,", "30", "diverged", "at", "1", *said]
    assert ["hopeless"] in lines


def test_every_figure_says_how_it_is_scaled(study: StudyResult) -> None:
    """By the scale's name, and by what differs from the sweep file; what makes a sweep differ is not among it."""
    table = rows(study)
    assert set(table["scale"]) == {"small"}
    assert set(table["differs"]) == {"train.max_epochs 3 -> 2"}
    assert study_notes(table) == ["first, second, hopeless: train.max_epochs 3 -> 2"]


def test_going_on_runs_only_what_is_not_done(study: StudyResult, folder: Path) -> None:
    """The table is the same, and the sweep that was done is not touched."""
    before, done = rows(study), (study.folder / "first" / ENDING).stat().st_mtime_ns
    (study.folder / "second" / ENDING).unlink()
    run_study(loaded(folder))
    assert (study.folder / "first" / ENDING).stat().st_mtime_ns == done
    pd.testing.assert_frame_equal(rows(study), before)


@pytest.mark.parametrize("state", [pytest.param("done", marks=pytest.mark.slow), "begun"])
def test_another_winner_is_handed_on_to_what_tried_the_one_before(
    study: StudyResult, tmp_path: Path, state: str
) -> None:
    """As after a trial that failed was tried again: whether the sweep is done or begun, it runs afresh, and says so."""
    shutil.copytree(study.folder, tmp_path / "runs" / study.folder.name)
    ours = loaded(tmp_path)
    first, second = (ours.folder / name for name in ("first", "second"))
    before, ending = plan_study(ours)[1].settings, read_ending(first)
    assert ending is not None
    write_ending(first, replace(ending, winner=0))
    if state == "begun":
        (second / ENDING).unlink()
        keep_settings(second, before, "")
    said = io.StringIO()
    result = run_study(ours, console=Console(file=said, width=200))
    assert load(second).read("trials")["config_lr"].tolist() == [1e25]
    assert not result.ended["second"].ok
    assert "second: runs afresh, since first hands it another point than it has tried" in said.getvalue()
    assert "first: is done already" in said.getvalue()


def interrupted(study: Study, *, when: Path, overwrite: bool = False) -> None:
    """Run a study, and interrupt it as soon as a file is there."""
    watching = send_when(when.exists, signal.SIGINT)
    with suppress(KeyboardInterrupt):  # of a sweep that had no trial yet
        assert run_study(study, overwrite=overwrite).interrupted
    watching.join()


@pytest.mark.slow
def test_an_interrupted_study_goes_on_with_the_sweep_that_was_begun(
    study: StudyResult, tmp_path: Path
) -> None:
    """Its table is that of a study without a break, and what had ended before is not touched."""
    ours = loaded(tmp_path)
    begun = ours.folder / "second" / JOURNAL / SETTINGS
    interrupted(ours, when=begun)
    assert begun.exists()
    assert {path.parent.name for path in ours.folder.glob(f"*/{ENDING}")} == {"first"}
    done = (ours.folder / "first" / ENDING).stat().st_mtime_ns
    pd.testing.assert_frame_equal(rows(run_study(ours)), rows(study))
    assert (ours.folder / "first" / ENDING).stat().st_mtime_ns == done


@pytest.mark.slow
def test_an_interrupted_overwrite_is_gone_on_with_without_it(study: StudyResult, tmp_path: Path) -> None:
    """As the command says: what was done before it, with other settings here, neither counts nor is in the way."""
    shutil.copytree(study.folder, tmp_path / "runs" / study.folder.name)
    ours = loaded(tmp_path, "train.max_epochs=1")
    interrupted(ours, when=ours.folder / "first" / JOURNAL / SETTINGS, overwrite=True)
    assert not list(ours.folder.glob(f"*/{ENDING}"))
    assert load_study_rows(ours.folder) is None
    result = run_study(ours)
    assert set(result.ended) == {"first", "second", "hopeless"}
    assert set(rows(result)["epochs_run"].dropna()) == {1}


@pytest.mark.parametrize(("step", "kept"), [("plan_study", True), ("_run_members", False)])
def test_an_interrupt_says_how_to_go_on(
    step: str, kept: bool, folder: Path, tmp_path: Path, in_process: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --overwrite as long as what was done before still counts, without it afterwards."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    loaded(folder)
    monkeypatch.setattr(f"tuning.study.{step}", interrupt)
    done = in_process("study", folder / "study.yaml", "--overwrite", "--storage", tmp_path)
    assert done.returncode == 130
    flag = "--overwrite " if kept else ""
    assert f"go on with: upsweep study {folder}/study.yaml {flag}--storage {tmp_path}\n" in done.stderr


def test_other_settings_for_what_is_done_are_refused(study: StudyResult, folder: Path) -> None:
    """With the difference; --overwrite would run them again."""
    with pytest.raises(InputError, match=r"is done with other settings \(train.max_epochs 2 -> 5\)"):
        plan_study(loaded(folder, "train.max_epochs=5"))
    assert len(plan_study(loaded(folder, "train.max_epochs=5"), overwrite=True)) == 4


def test_what_all_sweeps_lack_is_said_once(folder: Path, tmp_path: Path) -> None:
    """With the names of those that lack it."""
    with pytest.raises(InputError) as caught:
        plan_study(loaded(folder, f"data.root={tmp_path / 'none'}"))
    (problem,) = caught.value.problems
    sweeps, said = problem.split(": ", 1)
    assert sweeps == ", ".join(f"sweep {member.name!r}" for member in loaded(folder).members)
    assert str(tmp_path / "none") in said


def test_an_ending_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Rather than taken for none, which would run the sweep again."""
    (tmp_path / ENDING).write_text(json.dumps({"ok": True}))
    with pytest.raises(InputError, match=r"ended\.json: cannot be read"):
        read_ending(tmp_path)
