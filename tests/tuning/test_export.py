"""The trials table sorted, and as CSV and JSON on a clean standard output."""

import csv
import io
import json
from pathlib import Path

import pytest

from data_utils.errors import InputError
from tests.conftest import Run
from tests.tuning.rows import curve, specs
from tests.tuning.sweeps import write_sweep
from tuning.config import StopSettings
from tuning.export import sort_trials, to_csv, to_json
from tuning.frames import Frames
from tuning.records import trial_row
from tuning.results import load, write_epochs, write_trials


@pytest.fixture
def frames(tmp_path: Path) -> Frames:
    """Return a sweep of three trials, the first of which diverged; its error text is awkward."""
    curves = [curve(0, None), curve(1, 1 / 3, 0.1), curve(2, 0.7)]
    rows = [
        trial_row(
            spec, of_trial, sweep="s", stop=StopSettings(), max_epochs=2, worker=None, error=error, profile={}
        )
        for spec, of_trial, error in zip(specs(3), curves, (None, 'a "quoted", é\nlong', None), strict=True)
    ]
    write_trials(tmp_path, rows)
    return load(tmp_path)


def test_accuracies_are_sorted_from_the_best_others_from_the_lowest(frames: Frames) -> None:
    """Nulls come last, and ties stay as they were."""
    trials = frames.read("trials")
    assert sort_trials(trials, "best_val_accuracy")["trial"].tolist() == [2, 1, 0]
    assert sort_trials(trials, "config_lr")["trial"].tolist() == [2, 1, 0]
    assert sort_trials(trials, "best_epoch")["trial"].tolist() == [1, 2, 0]


def test_an_unknown_column_is_named_with_those_near(frames: Frames) -> None:
    """Or with all, if none is near."""
    trials = frames.read("trials")
    with pytest.raises(
        InputError, match=r"--sort: no column 'accuracy' .*; did you mean 'best_val_accuracy'\?"
    ):
        sort_trials(trials, "accuracy")
    with pytest.raises(
        InputError, match=r"no column 'xyz' in the trials table; there are sweep, trial, config_lr"
    ):
        sort_trials(trials, "xyz")


def test_json_has_the_numbers_as_they_are_and_nulls(frames: Frames) -> None:
    """Whole numbers stay whole though others are null; all columns in every record."""
    records = json.loads(to_json(frames.read("trials")), parse_constant=pytest.fail)
    assert [record["best_val_accuracy"] for record in records] == [None, 1 / 3, 0.7]
    assert [record["best_epoch"] for record in records] == [None, 1, 1]
    assert '"best_epoch": 1,' in to_json(frames.read("trials"))
    assert records[1]["error"] == 'a "quoted", é\nlong'
    assert all(list(record) == list(records[0]) for record in records)


def test_csv_has_the_numbers_as_they_are(frames: Frames) -> None:
    """A header, a record a trial, empty fields for nulls, quotes where needed."""
    rows = list(csv.DictReader(io.StringIO(to_csv(frames.read("trials")))))
    assert [row["best_val_accuracy"] for row in rows] == ["", "0.3333333333333333", "0.7"]
    assert [row["best_epoch"] for row in rows] == ["", "1", "1"]
    assert rows[1]["error"] == 'a "quoted", é\nlong'


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of three sweeps."""
    root = tmp_path_factory.mktemp("runs")
    for seed, name in enumerate(("alexnet-a", "alexnet-b", "vgg11")):
        write_sweep(root / name, trials=2, epochs=5, seed=seed)
    return root


def test_the_command_gives_csv_and_json_and_nothing_else(upsweep: Run, runs: Path) -> None:
    """Of the sweeps that match, sorted."""
    chosen = ("results", runs, "--sweep", "alexnet-*", "--sort", "best_val_accuracy")
    as_json = upsweep(*chosen, "--format", "json")
    as_csv = upsweep(*chosen, "--format", "csv")
    assert (as_json.returncode, as_json.stderr, as_csv.stderr) == (0, "", "")
    records = json.loads(as_json.stdout)
    assert {record["sweep"] for record in records} == {"alexnet-a", "alexnet-b"}
    assert all(record["folder"] == record["sweep"] for record in records)
    accuracies = [record["best_val_accuracy"] for record in records]
    assert accuracies == sorted(accuracies, reverse=True)
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert [float(row["best_val_accuracy"]) for row in rows] == accuracies


def test_the_command_shows_a_sorted_table(upsweep: Run, runs: Path) -> None:
    """Best first; an unknown column or sweep is refused."""
    shown = upsweep("results", runs, "--sort", "best_val_accuracy").stdout.splitlines()
    trials = load(runs).read("trials").sort_values("best_val_accuracy", ascending=False)
    assert [tuple(line.split()[:2]) for line in shown[1:7]] == [
        (sweep, str(trial)) for sweep, trial in zip(trials["sweep"], trials["trial"], strict=True)
    ]
    for wrong, said in (("--sort", "no column 'x'"), ("--sweep", "no sweep matches 'x'")):
        done = upsweep("results", runs, wrong, "x")
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_a_trial_that_runs_is_shown_beside_those_that_have_ended(in_process: Run, tmp_path: Path) -> None:
    """Which may be worse."""
    curves = [curve(0, 0.25), curve(1, 0.5, 0.75)]
    write_epochs(tmp_path, [row for rows in curves for row in rows])
    row = trial_row(
        specs(1)[0], curves[0], sweep="s", stop=StopSettings(), max_epochs=1, worker=None, error=None
    )
    write_trials(tmp_path, [row])
    shown = in_process("results", tmp_path).stdout.splitlines()
    (headed,) = [place for place, line in enumerate(shown) if line.startswith("trials that have not ended")]
    assert shown[headed + 2 :] == [shown[headed + 2]]
    assert shown[headed + 2].split() == ["1", "75.00", "%", "2"]


def test_a_running_sweep_has_no_trials_to_give_yet(upsweep: Run, tmp_path: Path) -> None:
    """An empty list is JSON, too; the table is of the best epochs so far."""
    write_epochs(tmp_path, curve(0, 0.5, 0.25))
    shown = upsweep("results", tmp_path).stdout.splitlines()
    assert shown[0] == "trials that have not ended, and their best epochs so far:"
    assert shown[2].split() == ["0", "50.00", "%", "1"]
    assert json.loads(upsweep("results", tmp_path, "--format", "json").stdout) == []
    assert to_csv(load(tmp_path).read("trials")).startswith("sweep,trial,config_lr")
