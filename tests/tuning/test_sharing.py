"""Shared epochs: which trials share which, and that the rows are those of the long way."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ray.tune.experiment import Trial

from tests.few_digits import few_digits
from tests.tuning.rows import curve
from tuning.config import Sweep
from tuning.driver import run
from tuning.recorder import INDEX, Recorder
from tuning.results import load
from tuning.sharing import FOLDER, Fork, Sharing, forks
from tuning.space import trial_specs


def sweep(points: list[dict[str, Any]], max_epochs: int = 200, **changes: Any) -> Sweep:
    """Return a sweep of small images over these points."""
    values: dict[str, Any] = {
        "name": "shared",
        "data": {"root": str(few_digits()), "resize": 64, "image_size": 64, "batch_size": 10},
        "model": {"arch": "alexnet", "hidden": 16, "init": "kaiming"},
        "train": {"max_epochs": max_epochs},
        "search": {"points": points},
        "retrain": None,
    }
    return Sweep.model_validate(values | changes)


def found(points: list[dict[str, Any]], max_epochs: int = 200) -> dict[int, Fork]:
    """Return the forks of a sweep over these points."""
    return forks(trial_specs(sweep(points, max_epochs)), max_epochs)


def test_the_papers_pairs_share_thirty_epochs() -> None:
    """(0.01, 30) and (0.01, 45) agree until the first one's rate falls; the others have rates of their own."""
    points = [(0.1, 20), (0.01, 30), (0.01, 45), (0.001, 60)]
    assert found([{"lr": lr, "step_size": step} for lr, step in points]) == {2: Fork(1, 30)}


def test_schedules_that_differ_only_later_are_one() -> None:
    """In ten epochs no rate falls, so the second pair is the first one again."""
    assert found([{"lr": 0.01, "step_size": 30}, {"lr": 0.01, "step_size": 45}], 10) == {1: Fork(0, 10)}


def test_each_leaves_the_trial_that_computes_the_last_epoch_it_shares() -> None:
    """20 and 45 share 20 epochs, 30 and 45 share 30; 30 itself shares 20 with 20."""
    points = [{"step_size": 20}, {"step_size": 30}, {"step_size": 45}, {"step_size": 20, "gamma": 0.5}]
    assert found(points) == {1: Fork(0, 20), 2: Fork(1, 30), 3: Fork(0, 20)}
    assert found([points[2], points[1], points[0]]) == {1: Fork(0, 30), 2: Fork(0, 20)}


@pytest.mark.parametrize("name", ["seed", "momentum", "weight_decay", "batch_size", "hidden"])
def test_whatever_else_differs_nothing_is_shared(name: str) -> None:
    """Only schedules may differ."""
    other = {"seed": 1, "momentum": 0.5, "weight_decay": 0.1, "batch_size": 50, "hidden": 8}[name]
    assert found([{"step_size": 30}, {"step_size": 30, name: other}]) == {}


def test_a_thousand_trials_are_looked_at_in_one_pass() -> None:
    """Five rates with two hundred step sizes each: all but five share."""
    points = [{"lr": 0.1 / (i + 1), "step_size": step} for i in range(5) for step in range(1, 201)]
    shared = found(points)
    assert len(shared) == 995
    assert shared[999] == Fork(998, 199)


def rows(folder: Path, trial: int) -> pd.DataFrame:
    """Return what a trial's epochs gave, but for times and who computed them."""
    epochs = load(folder).epochs
    assert epochs is not None
    epochs = epochs[epochs["trial"] == trial]
    return epochs.drop(columns=["sweep", "trial", "seconds", "images_per_second", "computed_by"]).reset_index(
        drop=True
    )


POINTS = [
    {"lr": 0.01, "step_size": 2},
    {"lr": 0.01, "step_size": 3},
    {"lr": 0.01, "step_size": 9},
    {"lr": 0.01, "step_size": 8},
    {"lr": 1e25, "step_size": 2},
    {"lr": 1e25, "step_size": 3},
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> Path:
    """Run trials that share two epochs, three, all four, and a first one that diverges."""
    result = run(sweep(POINTS, 4, storage=str(tmp_path_factory.mktemp("storage"))))
    return result.folder


def test_every_epoch_is_computed_once(shared: Path) -> None:
    """Each trial has all its rows, and the table says who computed them."""
    frames = load(shared)
    assert frames.epochs is not None
    assert frames.trials is not None
    by = frames.epochs.groupby("trial")["computed_by"].apply(list).to_dict()
    assert by == {0: [0] * 4, 1: [0, 0, 1, 1], 2: [0, 0, 1, 2], 3: [0, 0, 1, 2], 4: [4], 5: [4]}
    assert frames.trials["outcome"].tolist() == ["completed"] * 4 + ["diverged"] * 2
    own = frames.epochs[frames.epochs["trial"] == frames.epochs["computed_by"]]
    spent = own.groupby("trial")["seconds"].sum().reindex(range(6), fill_value=0.0)
    assert frames.trials["seconds"].tolist() == pytest.approx(spent.tolist())


def test_the_rows_are_those_of_the_long_way(shared: Path, tmp_path: Path) -> None:
    """To the bit, as the trial that forked twice gives alone."""
    alone = run(sweep([POINTS[2]], 4, storage=str(tmp_path))).folder
    pd.testing.assert_frame_equal(rows(shared, 2), rows(alone, 0), check_exact=True)
    pd.testing.assert_frame_equal(rows(shared, 3), rows(shared, 2), check_exact=True)


def test_what_trials_left_to_each_other_is_gone(shared: Path) -> None:
    """Half a gigabyte each for AlexNet."""
    assert not (shared / FOLDER).exists()


@pytest.mark.parametrize("step_size", [2, 5])
def test_a_trial_computes_all_when_the_other_ended_too_soon(step_size: int, tmp_path: Path) -> None:
    """It waits for two epochs, or all four, or the end, of the other; one epoch and no state are nothing to go on from."""
    made = sweep([{"step_size": step_size}, {"step_size": step_size + 1}], 4)
    specs = trial_specs(made)
    recorder = Recorder(made, specs)
    sharing = Sharing(forks(specs, 4), recorder, made.stop, 4, tmp_path)
    other = Trial("toy", config={INDEX: 0}, stub=True)
    told = curve(0, 0.5)[0].metrics.result() | {"hostname": "here"}
    recorder.on_trial_result(0, [], other, told)
    assert [sharing.may_start(0), sharing.may_start(1)] == [True, False]
    recorder.on_trial_complete(0, [], other)
    assert sharing.may_start(1)
    assert sharing.inherited(1) is None
