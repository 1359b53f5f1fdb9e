"""Trials that fail and are tried again, on a real Ray: their rows are those of trials that never failed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console

from tests.chaos.compare import differences
from tests.conftest import Run, write_images
from tests.tuning.test_driver import sample_sweep
from tests.tuning.toys import DyingWhenReused
from trainables.recipe import Recipe
from trainables.toy import ToyTrainable
from tuning.driver import claim_folder, run
from tuning.interrupts import Interrupts
from tuning.journal import FOLDER as JOURNAL
from tuning.journal import Journal
from tuning.neighbours import Neighbour
from tuning.plan import plan
from tuning.progress import Progress
from tuning.recorder import INDEX, Recorder
from tuning.records import Outcome, make_stopper
from tuning.results import load
from tuning.retrain import Diverged, Retrained, retrain
from tuning.retraining import retrain_all
from tuning.retries import Retries
from tuning.selection import Pick
from tuning.space import trial_specs
from tuning.track import Tracking
from tuning.trials import CheckpointDropper, run_trials

pytestmark = pytest.mark.usefixtures("local_ray")


class Calls(tune.Callback):
    """Notes which trial fails for good and which is tried again."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Note a last failure."""
        self.seen.append(("error", trial.config[INDEX]))

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Note another."""
        self.seen.append(("recover", trial.config[INDEX]))


def run_failing(
    folder: Path,
    *configs: dict[str, Any],
    max_failures: int,
    trainable: type[ToyTrainable] = ToyTrainable,
) -> tuple[Recorder, Calls, list[str]]:
    """Run toys that fail as told, with what the driver has of callbacks; return what they saw and what was said."""
    sweep = sample_sweep(
        folder,
        train={"max_epochs": 35},
        search={"points": [{"lr": 0.1 / (i + 1)} for i in range(len(configs))]},
    )
    recorder, calls, said = Recorder(sweep, trial_specs(sweep)), Calls(), list[str]()
    marks = folder / "marks"
    marks.mkdir()
    interrupts = Interrupts(said.append)
    keeping = [
        Journal(folder, recorder, interrupts),
        CheckpointDropper(folder, interrupts),
        Retries(said.append, interrupts),
    ]
    run_trials(
        trainable,
        [config | {INDEX: i, "max_epochs": 35, "marks": str(marks)} for i, config in enumerate(configs)],
        folder=folder,
        cpus=1,
        gpus=0,
        max_concurrent=None,
        stopper=make_stopper(sweep.stop),
        callbacks=[recorder, *keeping, calls],
        max_failures=max_failures,
    )
    return recorder, calls, said


def test_what_fails_now_and_then_ends_as_if_it_had_not(tmp_path: Path) -> None:
    """From the last checkpoint, or from the first epoch; a worker that is killed, and one that raises.

    Overfit peaks at 10 and UP stops it at 35, so the stopper, too, has seen each epoch once.
    """
    recorder, calls, said = run_failing(
        tmp_path,
        {"kind": "overfit", "fails": {"3": "raise", "8": "die"}},
        {"kind": "overfit", "fails": {"9": "die"}, "checkpoint_every": 4},
        {"kind": "flat"},
        max_failures=3,
    )
    rows = recorder.trials()
    assert [(row.outcome, row.epochs_run, row.best_epoch) for row in rows] == [
        (Outcome.STOPPED_UP, 35, 10),
        (Outcome.STOPPED_UP, 35, 10),
        (Outcome.STOPPED_UP, 30, 1),
    ]
    assert [row.epoch for row in recorder.of(0)] == list(range(1, 36))
    assert [row.epoch for row in recorder.of(1)] == list(range(1, 36))
    assert sorted(calls.seen) == [("recover", 0), ("recover", 0), ("recover", 1)]
    assert (
        "trial 0 failed and is tried again (retry 1 of at most 3): RuntimeError: the toy fails at epoch 3, as told"
        in said
    )
    assert sorted(path.name for path in (tmp_path / JOURNAL).glob("trial_*")) == [
        "trial_00000.json",
        "trial_00001.json",
        "trial_00002.json",
    ]
    assert not list((tmp_path / "ray").rglob("checkpoint_*"))


@pytest.mark.slow
def test_a_worker_that_dies_when_it_is_used_again_fails_its_trial_once(tmp_path: Path) -> None:
    """Ray Tune hears of it twice, of the worker and of what it was asked; by then the trial waits for its next try."""
    flat = [{"kind": "flat"}] * 4
    recorder, calls, said = run_failing(tmp_path, *flat, max_failures=1, trainable=DyingWhenReused)
    assert [(row.outcome, row.epochs_run) for row in recorder.trials()] == [(Outcome.STOPPED_UP, 30)] * 4
    assert [what for what, _ in calls.seen] == ["recover"]
    assert len([line for line in said if "is tried again (retry 1 of at most 1)" in line]) == 1


def test_one_that_fails_for_good_keeps_its_checkpoint_and_its_last_words(tmp_path: Path) -> None:
    """After as many retries as there are to be; the journal leaves it out, so that a resume tries it again."""
    recorder, calls, _ = run_failing(
        tmp_path, {"kind": "crash", "checkpoint_every": 2}, {"kind": "rise"}, max_failures=2
    )
    failed, other = recorder.trials()
    assert (failed.outcome, failed.epochs_run, other.outcome) == (Outcome.ERRORED, 3, Outcome.COMPLETED)
    assert failed.error is not None
    assert failed.error.startswith("RuntimeError: the toy crashes at epoch 4, as told (whole story: ")
    assert Path(failed.error.partition("whole story: ")[2].rstrip(")")).is_file()
    assert calls.seen == [("recover", 0), ("recover", 0), ("error", 0)]
    assert not (tmp_path / JOURNAL / "trial_00000.json").exists()
    assert len(list(tmp_path.rglob("checkpoint_0*"))) == 2  # the journal's mark, and the checkpoint
    assert (tmp_path / "ray" / "trial_00000" / "checkpoint_000000").is_dir()


@pytest.mark.slow
def test_bad_input_is_tried_again_once(tmp_path: Path) -> None:
    """Here it is other bad input each time, or it would not fail twice."""
    recorder, calls, said = run_failing(
        tmp_path, {"kind": "rise", "fails": {"1": "input", "2": "input", "3": "input"}}, max_failures=9
    )
    assert recorder.trials()[0].outcome is Outcome.ERRORED
    assert calls.seen == [("recover", 0), ("error", 0)]
    assert said == [
        "trial 0 failed and is tried again (retry 1 of at most 1): "
        "data_utils.errors.InputError: weights.pt: cannot be read, as told"
    ]


@pytest.mark.slow
def test_a_machine_that_differs_costs_no_retry(tmp_path: Path) -> None:
    """And is told of once, however often trials are sent there."""
    fails = {"1": "unlike", "2": "unlike", "3": "raise"}
    recorder, calls, said = run_failing(
        tmp_path, {"kind": "rise", "fails": fails}, {"kind": "rise", "fails": {"2": "unlike"}}, max_failures=1
    )
    assert [(row.outcome, row.epochs_run) for row in recorder.trials()] == [(Outcome.COMPLETED, 35)] * 2
    assert sorted(calls.seen) == [("recover", 0)] * 3 + [("recover", 1)]
    elsewhere, again = said
    assert elsewhere.partition(" is to run elsewhere: ")[2] == (
        "trainables.alike.UnlikeMachineError: machine odd: has no weights, as told"
    )
    assert again == (
        "trial 0 failed and is tried again (retry 1 of at most 1): RuntimeError: the toy fails at epoch 3, as told"
    )


def test_memory_that_runs_out_says_what_to_lower(tmp_path: Path) -> None:
    """In the trial's row; the other goes on."""
    fails = {"2": "memory"}
    recorder, _, _ = run_failing(tmp_path, {"kind": "rise", "fails": fails}, {"kind": "flat"}, max_failures=0)
    failed, other = recorder.trials()
    assert (failed.outcome, other.outcome) == (Outcome.ERRORED, Outcome.STOPPED_UP)
    assert failed.error is not None
    assert failed.error.startswith(
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB, as told; lower data.batch_size, "
        "data.eval_batch_size or data.image_size, or raise resources.gpus, so that fewer trials share a GPU (whole story: "
    )


class Killer(tune.Callback):
    """Kills the worker of trials that have reported an epoch, once each."""

    def __init__(self, at: dict[int, int]):
        self.at = dict(at)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Kill with SIGKILL."""
        if self.at.get(trial.config[INDEX]) == result["epoch"]:
            del self.at[trial.config[INDEX]]
            os.kill(result["pid"], signal.SIGKILL)


def few_images(root: Path) -> dict[str, Any]:
    """Return the settings of eighteen images in a new folder, so that an epoch takes no time."""
    return {"root": str(write_images(root)), "resize": 64, "image_size": 64, "batch_size": 4}


@pytest.mark.slow
def test_killed_workers_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real training: a trial from its checkpoint, one whose first epochs were another's, and one within the shared ones."""
    points = [{"lr": 0.01, "step_size": s} for s in (2, 3, 4)]
    changes: dict[str, Any] = {
        "data": few_images(tmp_path / "images"),
        "search": {"points": points},
        "train": {"max_epochs": 5},
        "retrain": None,
        "faults": {"checkpoint_seconds": 1e-6},
    }
    whole = run(sample_sweep(tmp_path / "whole", **changes))
    killer = Killer({0: 4, 1: 4, 2: 2})
    monkeypatch.setattr("tuning.driver.tensorboard", lambda sweep: [killer])
    result = run(sample_sweep(tmp_path / "killed", **changes))
    assert killer.at == {}
    assert result.ok
    ours, theirs = (
        load(folder).read("epochs").drop(columns=["seconds", "images_per_second"])
        for folder in (result.folder, whole.folder)
    )
    assert ours.equals(theirs)
    trials = load(result.folder).trials
    assert trials is not None
    parts = trials["seconds_train"] + trials["seconds_validate"]
    assert parts.tolist() == pytest.approx(trials["seconds"].tolist())


FAILING = """name: failing
data: {{root: {root}, resize: 64, image_size: 64, batch_size: 4}}
model: {{arch: alexnet, hidden: 16, init: kaiming}}
train: {{max_epochs: 4}}
search: {{points: [{{lr: 0.01}}, {{lr: 0.001}}]}}
faults: {{max_failures: 0, checkpoint_seconds: 1.0e-6}}
"""


@pytest.mark.slow
def test_a_trial_that_fails_for_good_is_named_and_a_resume_tries_it_again(
    tmp_path: Path, in_process: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other trial's winner is retrained meanwhile, and the command exits with 1; the resume ends as if nothing was."""
    root, file = write_images(tmp_path / "images"), tmp_path / "failing.yaml"
    file.write_text(FAILING.format(root=root))
    whole = in_process("run", file, "--storage", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    monkeypatch.setattr("tuning.driver.tensorboard", lambda sweep: [Killer({1: 3})])
    failed = in_process("run", file, "--storage", tmp_path)
    assert failed.returncode == 1, failed.stderr
    assert "trial 1 failed: " in failed.stdout
    assert f"what failed is tried again by: upsweep resume {tmp_path}/failing\n" in failed.stdout
    trials = load(tmp_path / "failing").read("trials")
    assert trials["outcome"].tolist() == ["completed", "errored"]
    assert trials["epochs_run"].tolist() == [4, 3]
    assert len(load(tmp_path / "failing").read("test")) == 1
    monkeypatch.setattr("tuning.driver.tensorboard", lambda sweep: [])
    again = in_process("resume", tmp_path / "failing")
    assert again.returncode == 0, again.stderr
    assert differences(tmp_path / "failing", tmp_path / "whole/failing") == []


def retrained(folder: Path) -> Retrained:
    """Retrain the sample's first trial for three epochs, as the driver does."""
    data = few_images(folder / "images")
    sweep = sample_sweep(folder, data=data, faults={"checkpoint_seconds": 1e-6, "max_failures": 1})
    todo = plan(sweep)
    recorder = Recorder(sweep, todo.trials)
    with (
        Progress(Console(quiet=True), todo.trials, 3, recorder) as progress,
        Tracking([], todo.trials, recorder, progress.warn) as tracking,
    ):
        winner, interrupts = Pick(trial=0, epoch=3, val_accuracy=0.5), Interrupts(progress.warn)
        (end,) = retrain_all(
            todo, claim_folder(todo), winner, progress, tracking, interrupts, Neighbour(1, 0)
        )
    assert isinstance(end, Retrained)
    return end


@pytest.mark.slow
def test_a_retrain_whose_worker_dies_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the state it kept: the test is that of a retrain without a break."""
    whole = retrained(tmp_path / "whole")
    monkeypatch.setattr("tuning.retraining.retrain", dies_once(tmp_path / "mark"))
    killed = retrained(tmp_path / "killed")
    assert (tmp_path / "mark").read_text().split() == ["1", "2", "2", "3"]
    assert np.array_equal(killed.probabilities, whole.probabilities)


def dies_once(mark: Path) -> Any:
    """Return a retrain that notes each epoch, and whose process dies once, before it keeps the second one's state."""

    def dying(
        recipe: Recipe, epochs: int, seed: int, device: str, threads: int, *rest: Any
    ) -> Iterator[int | Retrained | Diverged]:
        first = not mark.exists()
        for event in retrain(recipe, epochs, seed, device, threads, *rest):
            if isinstance(event, int) and event:
                with mark.open("a") as file:
                    file.write(f"{event} ")
            yield event
            if event == 2 and first:
                os.kill(os.getpid(), signal.SIGKILL)

    return dying
