"""Ctrl-C and SIGTERM on a real Ray: nothing that was reported is lost, and what goes on ends as if there were no break."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.conftest import write_images
from tests.tuning.test_driver import sample_sweep
from tests.tuning.test_resume import TIMES
from tuning import cluster
from tuning.config import Sweep
from tuning.driver import SweepResult, run
from tuning.interrupts import Interrupts
from tuning.journal import FOLDER as JOURNAL
from tuning.results import load

CHANGES: dict[str, Any] = {
    "train": {"max_epochs": 40},
    "search": {
        "points": [{"lr": 0.01, "step_size": 20}, {"lr": 0.01, "step_size": 30}, {"lr": 0.02, "step_size": 9}]
    },
    "stop": {"up": None},
    "faults": {"checkpoint_seconds": None},
}
"""Three trials, of which two share twenty epochs; no checkpoint is ever due."""


def send_when(there: Callable[[], bool], number: signal.Signals) -> threading.Thread:
    """Send this process a signal as soon as all is as wanted."""

    def watch() -> None:
        while not there():
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    return watching


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> SweepResult:
    """Run the sweep without a break."""
    return run(few_images(tmp_path_factory.mktemp("whole")))


def few_images(storage: Path) -> Sweep:
    """Return the sweep, on eighteen images beside its folder, so that an epoch takes no time."""
    root = write_images(storage / "images")
    data = {"root": str(root), "resize": 64, "image_size": 64, "batch_size": 4}
    return sample_sweep(storage, data=data, **CHANGES)


def assert_same(ours: Path, theirs: Path) -> None:
    """Compare all four tables, times aside."""
    for table, times in TIMES.items():
        first, second = (load(path).read(table).drop(columns=times) for path in (ours, theirs))
        assert first.equals(second), table


@pytest.mark.slow
def test_an_interrupt_loses_no_epoch_that_was_reported(uninterrupted: SweepResult, tmp_path: Path) -> None:
    """Each trial that runs has a checkpoint of its last epoch; a resume ends as a run without a break."""
    sweep = few_images(tmp_path)
    watching = send_when((sweep.folder / "epochs.parquet").exists, signal.SIGINT)
    result = run(sweep)
    watching.join()
    assert result.interrupted
    assert not result.retrained
    epochs = load(sweep.folder).read("epochs")
    own = epochs[epochs["computed_by"] == epochs["trial"]].groupby("trial")["epoch"].max()
    journal = sweep.folder / JOURNAL
    kept = {int(m.stem[-5:]): json.loads(m.read_text())["epochs"] for m in journal.glob("checkpoint_*")}
    assert kept
    assert kept == own.to_dict()
    again = run(sweep, resume=True)
    assert again.ok
    assert_same(again.folder, uninterrupted.folder)


@pytest.mark.slow
def test_a_retrain_that_is_terminated_keeps_its_state(
    uninterrupted: SweepResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how to go on, and a resume runs no trial again."""
    sweep = few_images(tmp_path)
    said, begun, stream = io.StringIO(), threading.Event(), cluster.stream

    def watched(*arguments: Any) -> Iterator[Any]:
        begun.set()  # from here on an interrupt is heeded: before, while a machine is looked for, it ends all at once
        yield from stream(*arguments)

    monkeypatch.setattr(cluster, "stream", watched)
    watching = send_when(begun.is_set, signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt, match=f"^interrupted; go on with: upsweep resume {sweep.folder}$"):
        run(sweep, console=Console(file=said, width=200))
    watching.join()
    assert "the retrain ends its epoch and keeps its state; once more to stop now" in said.getvalue()
    assert (sweep.folder / "trials.parquet").exists()
    assert not (sweep.folder / "ended.json").exists()
    again = run(sweep, resume=True)
    assert again.ok
    assert_same(again.folder, uninterrupted.folder)


def test_handlers_are_those_of_before_afterwards() -> None:
    """And where nothing heeds an interrupt, the first ends all."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    said: list[str] = []
    with Interrupts(said.append) as interrupts:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with interrupts.heeded("something is kept"):
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    assert interrupts.requested
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


STUDY = """name: both
sweeps:
  - {file: sweep.yaml}
  - {file: sweep.yaml, name: second}
"""
SWEEP = """name: first
data: {root: images, resize: 224, image_size: 224, batch_size: 4}
model: {arch: alexnet, hidden: 16, init: kaiming}
train: {max_epochs: 4000}
stop: {up: null}
search: {points: [{lr: 0.01}]}
"""


@pytest.mark.slow
@pytest.mark.parametrize(("command", "signals"), [("study", 1), ("run", 2)])
def test_the_command_says_how_to_go_on(command: str, signals: int, tmp_path: Path) -> None:
    """Exit 130, at the first interrupt and at the second."""
    root = write_images(tmp_path / "images")
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("images", str(root), 1))
    (tmp_path / "study.yaml").write_text(STUDY)
    file, storage = tmp_path / ("sweep.yaml" if command == "run" else "study.yaml"), tmp_path / "runs"
    folder = storage / ("first" if command == "run" else "both/first")
    typed = ["upsweep", command, str(file), "--storage", str(storage), "--overwrite"]
    with subprocess.Popen(
        [Path(sys.executable).with_name("upsweep"), *typed[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        while not (folder / "epochs.parquet").exists():
            assert running.poll() is None
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        said = ""
        if signals == 2:
            assert running.stdout
            while "once more to stop now" not in said:  # or it might be heard as the first again
                line = running.stdout.readline()
                assert line, said
                said += line
            running.send_signal(signal.SIGINT)
        said += running.communicate(timeout=300)[0]
    assert running.returncode == 130, said
    again = f"upsweep resume {folder}" if command == "run" else " ".join(typed[:-1])
    assert f"go on with: {again}\n" in said
    assert ("nothing was retrained" in said) is (command == "run" and signals == 1)
    assert "Traceback" not in said
