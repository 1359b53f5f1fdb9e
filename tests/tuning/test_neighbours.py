"""Two sweeps on one cluster of two cores: both progress, and both end as each does alone."""

import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import ray

from tests.chaos.compare import differences
from tests.conftest import Run
from tests.tuning.test_service import head, shared, until  # noqa: F401  # fixtures
from tuning import neighbours
from tuning.config import load_sweep
from tuning.driver import run
from tuning.neighbours import Room, neighbour

EPOCHS = {"first": 800, "second": 30}
"""Of each trial: the first sweep still runs when the second has ended."""


def test_a_room() -> None:
    """On one's own it has no bounds; where others may come, one trial waits; within bounds, paused trials go first, and one may always wait."""
    assert Room(live=200).is_left
    assert Room(slots=2, live=2).is_left
    assert not Room(slots=2, live=3).is_left
    assert Room(slots=0).is_left
    assert not Room(live=1, paused=1).is_left
    assert not Room(slots=2, live=1, paused=1).is_left
    assert Room(most=2, live=1).is_left
    assert not Room(most=2, live=2).is_left
    assert not Room(most=2, live=1, paused=1).is_left
    assert Room(most=2, live=1, paused=1).may_go_on
    assert not Room(most=1, live=1, paused=1).may_go_on
    assert Room(most=0).is_left
    assert Room(most=0, paused=1).may_go_on


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have claims of this test's own, made again at once."""
    monkeypatch.setattr("tuning.neighbours.NAME", uuid.uuid4().hex)
    monkeypatch.setattr("tuning.neighbours.SECONDS_BETWEEN", 0.1)
    yield
    with suppress(ValueError):
        ray.kill(ray.get_actor(neighbours.NAME, neighbours.NAMESPACE))


@pytest.mark.usefixtures("local_ray", "apart")
def test_a_sweep_has_its_share_as_long_as_there_are_others() -> None:
    """And all when they have left."""
    with neighbour(1, 0, shared=True) as first:
        assert first.room.most is None
        with neighbour(1, 0, shared=True) as second:
            assert second.room.most == 1
            until(lambda: first.room.most == 1, 30)
        until(lambda: first.room.most is None, 30)


class Strange:
    """What another version might claim with."""

    def claim(self, *_: object) -> list[str]:
        """Return what is none."""
        return ["a claim"]


@pytest.mark.usefixtures("local_ray", "apart")
def test_what_others_run_ends_no_sweep(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and the sweep goes on claiming."""
    strange: Any = ray.remote(Strange)
    actor = strange.options(name=neighbours.NAME, namespace=neighbours.NAMESPACE, num_cpus=0).remote()
    with neighbour(1, 0, shared=True) as ours:
        time.sleep(1)
        assert ours.room == Room()
        ray.kill(actor)
        until(lambda: ours.room.slots is not None, 30)
    said = [record.message for record in caplog.records if "cannot be asked for room" in record.message]
    assert len(said) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("head")
def test_two_sweeps_at_once(upsweep: Run, shared: Path, tmp_path: Path) -> None:  # noqa: F811
    """The first has taken both cores when the second comes; it makes room at its next epochs, not at its trials' ends."""
    file, runs = shared.parent / "small.yaml", shared / "runs"
    _submit(upsweep, file, "first")
    until((runs / "first" / "epochs.parquet").exists)
    _submit(upsweep, file, "second")
    until((runs / "second" / "ended.json").exists)
    assert not (runs / "first" / "ended.json").exists(), "the second has waited for the first"
    until((runs / "first" / "ended.json").exists, 1200)
    for name in EPOCHS:
        alone = [f"data.root={shared}/images", f"storage={tmp_path}", f"name={name}", *_settings(name)]
        assert differences(runs / name, run(load_sweep(file, alone)).folder) == []


def _submit(upsweep: Run, file: Path, name: str) -> None:
    settings = [word for setting in _settings(name) for word in ("--set", setting)]
    done = upsweep("submit", file, "--name", name, *settings)
    assert done.returncode == 0, done.stderr


def _settings(name: str) -> list[str]:
    points = "search.points=[{lr: 0.01}, {lr: 0.001}, {lr: 0.003}, {lr: 0.0001}]"
    return [points, "stop.up=null", "faults.checkpoint_seconds=null", f"train.max_epochs={EPOCHS[name]}"]
