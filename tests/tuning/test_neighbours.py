"""Two sweeps on one cluster of two cores: both progress, and both end as each does alone."""

import os
import subprocess
import sys
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
from tests.small_cluster import SmallCluster
from tests.tuning.test_service import head, shared, until  # noqa: F401  # fixtures
from tuning import neighbours
from tuning.config import load_sweep
from tuning.driver import run
from tuning.neighbours import Neighbour, Room, Yielding, neighbour

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
    assert not Room(most=2, live=1, yields=True).is_left
    assert not Room(most=2, paused=1, yields=True).may_go_on


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


def test_a_sweep_with_a_share_and_nothing_that_runs_is_starved_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not while a trial runs, nor without a share; other work may wait as well."""
    now = 1000.0
    monkeypatch.setattr("tuning.neighbours.time.monotonic", lambda: now)
    ours = Neighbour(4, 0)

    def starved_after(seconds: float) -> bool:
        nonlocal now
        now += seconds
        return ours._is_starved()

    ours.room = Room(most=1, live=1)
    assert [starved_after(0), starved_after(29), starved_after(2)] == [False, False, True]
    ours.room.running = 1
    assert not starved_after(1)
    ours.room.running = 0
    assert [starved_after(1), starved_after(31)] == [False, True]
    ours.room = Room(most=0, live=1)
    assert [starved_after(1), starved_after(31)] == [False, False]
    ours.room, ours.waits = Room(most=1), True
    assert [starved_after(1), starved_after(31)] == [False, True]


@pytest.mark.parametrize(
    "seen",
    [
        # (second, others starve, share, running trials, whether it yields)
        [(0, True, 2, 2, False), (29, True, 2, 2, False), (31, True, 2, 2, True), (33, False, 2, 1, False)],
        [(0, True, 2, 4, False), (31, True, 2, 4, False), (40, True, 2, 2, False), (71, True, 2, 2, True)],
        # Until nothing of it runs, however long an epoch, and a minute on; then for ten minutes no more.
        [
            (0, True, 2, 2, False), (31, True, 2, 2, True), (500, True, 2, 1, True), (501, True, 2, 0, True),
            (560, True, 2, 0, True), (562, True, 2, 0, False), (563, True, 2, 2, False), (1161, True, 2, 2, False),
            (1163, True, 2, 2, True),
        ],
        # One that has nothing to yield does not, as when it starves itself; nor one on its own.
        [(0, True, 2, 0, False), (31, True, 2, 0, False)],
        [(0, True, None, 2, False), (31, True, None, 2, False)],
    ],
)  # fmt: skip
def test_all_trials_make_room_for_a_sweep_that_starves(
    seen: list[tuple[int, bool, int | None, int, bool]],
) -> None:
    """Once it has had its share of the room in vain."""
    yielding = Yielding()
    assert [yielding.decide(*now) for *now, _ in seen] == [expected for *_, expected in seen]


@pytest.mark.slow
def test_a_trial_that_needs_a_whole_machine_gets_one(tmp_path: Path) -> None:
    """Small trials that have made room do so wherever they ran, which leaves pieces of both machines; so all of them leave."""

    def toys(name: str, cpus: int, trials: int, epochs: int) -> subprocess.Popen[str]:
        folder = tmp_path / name
        folder.mkdir()
        arguments = [small.address, str(folder), *map(str, (cpus, trials, epochs))]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.tuning.neighbour_toys", *arguments],
            cwd=Path(__file__).parents[2],
            env=os.environ | small.environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    with SmallCluster(tmp_path) as small:
        for _ in range(2):
            small.add(cpus=3)
        with toys("first", 1, 6, 300) as first:
            assert first.stdout is not None
            assert first.stdout.readline() == "running\n"
            with toys("second", 3, 1, 10) as second:
                said, _ = second.communicate(timeout=300)
            assert said == "running\n10\n"
            assert first.poll() is None, "the second has waited for the first"
            assert first.stdout.readline().split() == ["300"] * 6


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
