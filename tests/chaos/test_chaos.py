"""The short form of the chaos: one kill of each victim, and that a difference would be seen."""

import shutil
from pathlib import Path
from random import Random

import pandas as pd
import pytest

from tests.chaos.attempts import live_through, sweep_file, write_images
from tests.chaos.compare import differences
from tests.chaos.kills import Kill, draw
from tests.chaos.stages import ORDER, Stage, stage
from tests.chaos.victims import Victim
from tuning.config import load_sweep
from tuning.driver import run

ENDED = "3 trials, 2 at once\n0:00:04  retraining trial 1 on train + validation for 5 epochs, seed 0\n"
SECONDS = {Stage.TRIALS: 8.0, Stage.RETRAIN: 3.0}
"""About what these stages take without kills."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the images of all sweeps here."""
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def whole(images: Path, local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the sweep without a break, here and on the Ray that there is; return its folder."""
    place = tmp_path_factory.mktemp("whole")
    result = run(load_sweep(sweep_file(place, images), [f"storage={place}"]))
    assert result.ok
    return result.folder


def test_a_node_the_driver_and_a_worker_are_killed(images: Path, whole: Path, tmp_path: Path) -> None:
    """The node and the driver among the trials, the worker in the retrain; nothing in the results tells of it."""
    kills = [
        Kill(Victim.NODE, Stage.TRIALS, 0.6),
        Kill(Victim.DRIVER, Stage.TRIALS, 0.9),
        Kill(Victim.WORKER, Stage.RETRAIN, 0.3),
    ]
    story = live_through(images, tmp_path / "killed", kills, SECONDS, Random(0))
    assert story.ended, story.last_words
    assert [struck.victim for struck in story.struck] == [kill.victim for kill in kills]
    for struck, kill in zip(story.struck, kills, strict=True):
        # A slow machine may be a stage on, never before.
        assert ORDER.index(struck.stage) >= ORDER.index(kill.stage), struck
    assert story.exits[0] == -9
    assert differences(story.folder, whole) == []


def test_the_least_difference_is_seen(whole: Path, tmp_path: Path) -> None:
    """A loss's last bit, a row, a file that is left over."""
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    assert differences(copy, whole) == []
    epochs = pd.read_parquet(copy / "epochs.parquet")
    epochs.loc[3, "val_loss"] *= 1 + 2**-52
    epochs.to_parquet(copy / "epochs.parquet")
    pd.read_parquet(copy / "predictions.parquet").iloc[1:].to_parquet(copy / "predictions.parquet")
    (copy / ".test.parquet.x.part").touch()
    found = [line.partition(":")[0] for line in differences(copy, whole)]
    assert found == ["epochs", "predictions", ".test.parquet.x.part"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", Stage.STARTING),
        ("0:00:00  opening the images of sample\n", Stage.DECODING),
        ("0:00:02  3 trials, 2 at once\n", Stage.TRIALS),
        (ENDED, Stage.RETRAIN),
        (ENDED + "0:00:05  retrain epoch 4/5\n", Stage.RETRAIN),
        (ENDED + "0:00:06  retrain epoch 5/5\n", Stage.TABLES),
        (ENDED + "0:00:06  writing the report\n", Stage.TABLES),
    ],
)
def test_the_stage_is_read_from_what_the_command_says(said: str, expected: Stage, tmp_path: Path) -> None:
    """And from the journal, once all trials have ended."""
    assert stage(said, tmp_path, trials=1) is expected
    if expected is Stage.TRIALS:
        (tmp_path / "journal").mkdir()
        (tmp_path / "journal" / "trial_00000.json").touch()
        assert stage(said, tmp_path, trials=1) is Stage.BETWEEN
        assert stage(said, tmp_path, trials=2) is Stage.TRIALS


def test_a_seed_gives_the_same_kills_again_and_every_victim_its_stages() -> None:
    """One of each victim a sweep; after six sweeps the driver was killed in all six stages."""
    first, again, other = (
        [plan for plan, _ in zip(draw(Random(seed)), range(6), strict=False)] for seed in (0, 0, 1)
    )
    assert first == again != other
    assert all(sorted(kill.victim for kill in plan) == sorted(Victim) for plan in first)
    assert {k.stage for plan in first for k in plan if k.victim is Victim.DRIVER} == set(Stage)
