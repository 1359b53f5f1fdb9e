"""Questions to the tables, on curves whose answers are worked by hand."""

from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest

from data_utils.errors import InputError
from tests.tuning.rows import curve, specs
from tests.tuning.sweeps import write_sweep
from tuning.analysis import (
    best_epochs,
    best_trials,
    class_accuracy,
    confusion_matrix,
    learning_curves,
    replay_up,
)
from tuning.config import StopSettings
from tuning.criteria import Up, stopping_epoch
from tuning.frames import Frames
from tuning.records import Outcome, trial_row
from tuning.results import load, write_epochs, write_trials
from tuning.selection import pick
from tuning.winning import NEVER_WINS


def write_curves(folder: Path, *curves: list[float | None], running: bool = False) -> Frames:
    """Write a sweep with these validation accuracies of its trials, and return its tables; running, it has no trials yet."""
    folder.mkdir(parents=True)
    rows = [curve(trial, *values, sweep=folder.name) for trial, values in enumerate(curves)]
    write_epochs(folder, [row for of_trial in rows for row in of_trial])
    if not running:
        stop = StopSettings(up=None)
        ended = [
            trial_row(spec, of_trial, sweep=folder.name, stop=stop, max_epochs=9, worker=None, error=None)
            for spec, of_trial in zip(specs(len(curves)), rows, strict=True)
        ]
        write_trials(folder, ended)
    return load(folder)


def epochs_of(*curves: list[float | None]) -> pd.DataFrame:
    """Return the epochs of trials with these accuracies."""
    return pd.DataFrame([asdict(row) for trial, values in enumerate(curves) for row in curve(trial, *values)])


def test_the_best_trial_of_each_sweep(tmp_path: Path) -> None:
    """Of equals the earlier epoch, then the earlier trial; one that diverged never wins; no winner, no row."""
    write_curves(tmp_path / "a", [0.2, 0.5], [0.5, 0.1], [0.5, 0.3], [0.9, None])
    write_curves(tmp_path / "b", [0.4], [0.6])
    write_curves(tmp_path / "c", [None])
    best = best_trials(load(tmp_path))
    assert best["sweep"].tolist() == ["a", "b"]
    assert best["trial"].tolist() == [1, 1]
    assert best["best_epoch"].tolist() == [1, 1]
    assert best["config_lr"].tolist() == [0.05, 0.05]


def test_the_best_trial_is_the_one_that_is_retrained(tmp_path: Path) -> None:
    """The sweep's own pick says the same of made-up curves."""
    for seed in range(3):
        write_sweep(tmp_path / f"s{seed}", epochs=30, seed=seed)
    frames = load(tmp_path)
    assert frames.epochs is not None
    for best in best_trials(frames).to_dict("records"):
        accuracies = frames.epochs[frames.epochs["sweep"] == best["sweep"]].groupby("trial")["val_accuracy"]
        rows = [curve(int(trial), *values, sweep=best["sweep"]) for trial, values in accuracies]
        ended = [replace(TRIAL_ROW, spec=spec, outcome=Outcome.COMPLETED) for spec in specs(len(rows))]
        chosen = pick(ended, [row for of_trial in rows for row in of_trial])
        assert chosen is not None
        assert (chosen.trial, chosen.epoch) == (best["trial"], best["best_epoch"])


TRIAL_ROW = trial_row(
    specs(1)[0], curve(0, 0.5), sweep="s", stop=StopSettings(), max_epochs=1, worker=None, error=None
)


def test_what_never_wins_is_what_the_driver_calls_diverged() -> None:
    """Two names of one outcome."""
    assert Outcome.DIVERGED == NEVER_WINS


def test_the_best_epoch_of_each_trial(tmp_path: Path) -> None:
    """Of equals the earliest; with the hyperparameters; a trial that measured nothing has none."""
    frames = write_curves(tmp_path / "a", [0.2, 0.5, 0.5], [0.7, 0.1], [None])
    best = best_epochs(frames)
    assert best["trial"].tolist() == [0, 1]
    assert best["epoch"].tolist() == [2, 1]
    assert best["val_accuracy"].tolist() == [0.5, 0.7]
    assert best["config_lr"].tolist() == [0.1, 0.05]


def test_a_running_sweep_has_best_epochs_before_it_has_trials(tmp_path: Path) -> None:
    """Their hyperparameters are null until then, also beside sweeps that have them."""
    alone = best_epochs(write_curves(tmp_path / "running", [0.2, 0.5], running=True))
    assert alone["epoch"].tolist() == [2]
    assert alone["config_lr"].isna().tolist() == [True]
    write_curves(tmp_path / "done", [0.3])
    both = best_epochs(load(tmp_path))
    assert both["sweep"].tolist() == ["done", "running"]
    assert both["config_lr"].isna().tolist() == [False, True]
    assert best_trials(load(tmp_path / "running")).empty


def test_seeds_stay_whole_beside_trials_that_have_none_yet(tmp_path: Path) -> None:
    """As floats great ones would be equal."""
    write_curves(tmp_path / "running", [0.2], running=True)
    write_curves(tmp_path / "done", [0.3])
    assert best_epochs(load(tmp_path / "done"))["seed"].dtype == "int64"
    both = best_epochs(load(tmp_path))["seed"]
    assert (both.dtype, both.isna().tolist()) == ("Int64", [False, True])


def test_learning_curves_are_long(tmp_path: Path) -> None:
    """A row a trial, metric and epoch, in this order of columns; what was not finite is a gap."""
    curves = learning_curves(write_curves(tmp_path / "a", [0.2, 0.5], [0.3, None]))
    names = list(curves.columns)
    assert names[:2] == ["sweep", "trial"]
    assert all(name.startswith("config_") for name in names[2:-5])
    assert names[-5:] == ["seed", "folder", "epoch", "metric", "value"]
    assert len(curves) == 2 * 3 * 2
    accuracy = curves[curves["metric"] == "val_accuracy"]
    assert accuracy["value"].fillna(-1).tolist() == [0.2, 0.5, 0.3, -1]
    assert accuracy["config_lr"].tolist() == [0.1, 0.1, 0.05, 0.05]
    assert accuracy["epoch"].tolist() == [1, 2, 1, 2]


def test_learning_curves_of_chosen_metrics(tmp_path: Path) -> None:
    """An unknown one is named with those there are."""
    frames = write_curves(tmp_path / "a", [0.2])
    assert learning_curves(frames, ["lr"])["metric"].tolist() == ["lr"]
    with pytest.raises(
        InputError, match=r"no such column of epochs: loss; there are sweep, trial, epoch, lr"
    ):
        learning_curves(frames, ["loss"])


def test_sweeps_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    """As of a study and its smaller version: each has its own winner, curves and hyperparameters."""
    write_curves(tmp_path / "x" / "twin", [0.2], [0.3, 0.25])
    write_curves(tmp_path / "y" / "twin", [0.75], [0.5])
    frames = load(tmp_path, sweep="tw*")
    best = best_trials(frames)
    assert list(zip(best["folder"], best["trial"], strict=True)) == [("x/twin", 1), ("y/twin", 0)]
    epochs = best_epochs(frames)
    assert epochs["folder"].tolist() == ["x/twin"] * 2 + ["y/twin"] * 2
    assert epochs["val_accuracy"].tolist() == [0.2, 0.3, 0.75, 0.5]
    assert epochs["config_lr"].tolist() == [0.1, 0.05] * 2
    assert len(learning_curves(frames, ["lr"])) == 5
    replayed = replay_up(frames.read("epochs"), 1, 1)
    assert replayed["epochs_run"].tolist() == [1, 2, 1, 1]
    assert replayed["folder"].tolist() == epochs["folder"].tolist()


def test_a_table_with_rows_twice_is_refused(tmp_path: Path) -> None:
    """Nothing says which of them is meant."""
    write_curves(tmp_path / "a", [0.2])
    for name in ("epochs", "trials"):
        path = tmp_path / "a" / f"{name}.parquet"
        rows = pd.read_parquet(path)
        pd.concat([rows, rows]).to_parquet(path)
    with pytest.raises(InputError, match=r"folder a: trials\.parquet has rows twice, of the same trial;"):
        best_trials(load(tmp_path))
    with pytest.raises(
        InputError, match=r"folder \.: epochs\.parquet has rows twice, of the same trial and epoch;"
    ):
        best_epochs(load(tmp_path / "a"))


PREDICTIONS = pd.DataFrame(
    [("ant", "ant"), ("ant", "bee"), ("ant", "ant"), ("bee", "bee"), ("cat", "dog")],
    columns=["label", "predicted"],
)


def test_the_confusion_matrix_has_all_classes_both_ways() -> None:
    """Those that no image has or that nothing was taken for, too; in the order given."""
    matrix = confusion_matrix(PREDICTIONS)
    assert (matrix.index.name, matrix.columns.name) == ("label", "predicted")
    assert list(matrix.index) == list(matrix.columns) == ["ant", "bee", "cat", "dog"]
    assert matrix.to_numpy().tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    given = confusion_matrix(PREDICTIONS, ["elk", "dog", "cat", "bee", "ant"])
    assert list(given.index) == ["elk", "dog", "cat", "bee", "ant"]
    assert given.loc["cat", "dog"] == 1
    assert given.to_numpy().sum() == 5


def test_class_accuracy_counts_images() -> None:
    """Of the classes that have any."""
    table = class_accuracy(PREDICTIONS)
    assert list(table.index) == ["ant", "bee", "cat"]
    assert table["accuracy"].tolist() == [2 / 3, 1.0, 0.0]
    assert table["images"].tolist() == [3, 1, 1]


def test_replay_of_up_on_curves_worked_by_hand() -> None:
    """k = 2, s = 2: trial 0 stops at 8 of 10 and misses its best, trial 1 never stops, trial 2 diverged before it could."""
    epochs = epochs_of(
        [0.10, 0.12, 0.20, 0.18, 0.30, 0.17, 0.40, 0.16, 0.15, 0.75],
        [0.1, 0.2, 0.1, 0.3, 0.1, 0.4],
        [0.5, 0.25, None],
    )
    replayed = replay_up(epochs.sample(frac=1, random_state=0), 2, 2)
    assert replayed["trial"].tolist() == [0, 1, 2]
    assert replayed["epochs_run"].tolist() == [10, 6, 3]
    assert replayed["stop_epoch"].fillna(-1).tolist() == [8, -1, -1]
    assert replayed["epochs_saved"].tolist() == [2, 0, 0]
    assert replayed["best_val_accuracy"].tolist() == [0.4, 0.4, 0.5]
    assert replayed["accuracy_lost"].tolist() == pytest.approx([0.35, 0, 0])
    assert replayed[["strip_length", "successive", "ties"]].drop_duplicates().to_numpy().tolist() == [
        [2, 2, "stop"]
    ]


def test_replay_of_up_with_ties() -> None:
    """Ends 12 12 12: an equal value is no progress, or breaks the run."""
    epochs = epochs_of([0, 12, 0, 12, 0, 12, 0])
    assert replay_up(epochs, 2, 2, "stop")["stop_epoch"].tolist() == [6]
    assert replay_up(epochs, 2, 2, "reset")["stop_epoch"].isna().tolist() == [True]


def test_a_curve_that_up_ended_says_nothing_of_more_patience() -> None:
    """Recorded with s = 2 to its stop at 6: with s = 2 nothing is saved, with s = 3 it counts as no stop."""
    epochs = epochs_of([0, 12, 0, 11, 0, 10])
    same, patient = replay_up(epochs, 2, 2), replay_up(epochs, 2, 3)
    assert (same["stop_epoch"].tolist(), same["epochs_saved"].tolist()) == ([6], [0])
    assert (patient["stop_epoch"].isna().tolist(), patient["epochs_saved"].tolist()) == ([True], [0])
    assert patient["accuracy_lost"].tolist() == [0]


def test_replay_is_the_rule_itself(tmp_path: Path) -> None:
    """On recorded curves read from files, trial by trial."""
    write_sweep(tmp_path / "s", trials=6)
    epochs = load(tmp_path).epochs
    assert epochs is not None
    replayed = replay_up(epochs, 1, 3)
    expected = [
        stopping_epoch(Up(1, 3), values.tolist()) for _, values in epochs.groupby("trial")["val_accuracy"]
    ]
    assert replayed["stop_epoch"].tolist() == expected
    assert None not in expected


def test_replay_needs_every_epoch_once() -> None:
    """The rule counts epochs: a part of a curve, or two curves under one name, would stop it elsewhere."""
    epochs = epochs_of([0.1, 0.2, 0.3])
    for wrong in (epochs[epochs["epoch"] != 2], pd.concat([epochs, epochs])):
        with pytest.raises(InputError, match=r"sweep s, trial 0: must have epochs 1 to 3 once each"):
            replay_up(wrong, 1, 1)
