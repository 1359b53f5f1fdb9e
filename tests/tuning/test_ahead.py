"""What trials and retrains share is computed before them, once."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from data_utils.caches import cache_dir
from tests.few_digits import few_digits
from tuning.ahead import shared_ahead
from tuning.config import Sweep
from tuning.driver import run
from tuning.results import load
from tuning.space import trial_specs

SIZE = 67
"""Pixels a side that no other test has, so that nothing is kept of it before."""


def sweep(storage: Path, **changes: Any) -> Sweep:
    """Return two trials of a network whose convolutions are frozen."""
    values: dict[str, Any] = {
        "name": "frozen",
        "data": {"root": str(few_digits()), "resize": 68, "image_size": SIZE, "batch_size": 10},
        "model": {"arch": "alexnet", "hidden": 16, "freeze": "features"},
        "train": {"max_epochs": 2},
        "search": {"points": [{"lr": 0.01}, {"lr": 0.001}]},
        "retrain": {"seeds": [0, 5]},
        "storage": str(storage),
    }
    return Sweep.model_validate(values | changes)


KAIMING = {"arch": "alexnet", "hidden": 16, "freeze": "features", "init": "kaiming"}
COPIED = {"max_epochs": 2, "augment": [{"horizontal_flip": {}}], "augment_offline": {"copies": 1}}


@pytest.mark.parametrize(
    ("changes", "shared"),
    [
        ({}, [(0, "train"), (5, "train_val")]),
        ({"retrain": {"seeds": [0]}}, [(0, "train")]),
        ({"model": {"arch": "alexnet", "hidden": 16}}, []),
        ({"train": COPIED}, [(0, "train"), (0, "train_val"), (5, "train_val")]),
        ({"train": COPIED, "retrain": None}, [(0, "train")]),
        ({"retrain": None, "search": {"grid": {"hidden": [16, 32]}}}, [(0, "train")]),
        ({"retrain": None, "search": {"grid": {"hidden": [16, 32]}}, "model": KAIMING}, [(0, "train")] * 2),
        (
            {"train": COPIED, "search": {"grid": {"lr": [0.1, 0.01], "seed": [1, 2]}}, "retrain": {"seeds": [7]}},
            [(1, "train"), (2, "train"), (7, "train_val")],
        ),
    ],
    ids=["features", "of one seed", "nothing", "copies", "no retrain", "widths", "drawn after them", "seeds"],
)  # fmt: skip
def test_each_is_there_once(tmp_path: Path, changes: dict[str, Any], shared: list[tuple[int, str]]) -> None:
    """Copies of a trial's seed for its training images, those of a retrain's for train and validation; a frozen part without weights hangs on the seed."""
    todo = sweep(tmp_path, **changes)
    found = shared_ahead(trial_specs(todo), todo.retrain_seeds)
    assert [(recipe.seed, split) for recipe, split in found] == shared


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
def test_a_sweeps_trials_and_retrains_find_all_of_it(tmp_path: Path) -> None:
    """Features of every image and of the copies, for each seed that fills the frozen part; none is made later."""
    todo = sweep(tmp_path, train=COPIED)
    before, lines = kept_files(), tmp_path / "lines.txt"
    with lines.open("w") as file:
        result = run(todo, console=Console(file=file, width=200))
    assert result.ok
    assert load(result.folder).read("trials")["outcome"].tolist() == ["completed", "completed"]
    told = lines.read_text()
    assert "opening what alexnet's trials share" in told
    assert told.count("opening what alexnet's retrains share") == 2
    first_epoch = (result.folder / "sweep.yaml").stat().st_mtime  # written before the first trial
    made = kept_files() - before
    kinds = Counter("features" if file.suffix == ".npy" else "copies" for file in made)
    assert kinds == {"copies": 3, "features": 2 + 3}
    assert all(file.stat().st_mtime < first_epoch for file in made)

    lines = tmp_path / "again.txt"
    with lines.open("w") as file:
        assert run(todo, console=Console(file=file, width=200), overwrite=True).ok
    assert "share" not in lines.read_text()  # it is known to be kept, without a process that looks


def kept_files() -> set[Path]:
    """Return the files of features and of copies in the cache."""
    return {*cache_dir().glob("features/*.npy"), *cache_dir().glob("pixels/*-copies-*.arrow")}
