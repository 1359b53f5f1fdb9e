"""A sweep that was killed goes on with the runs that its trackers have."""

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from tests.mlflow_server import MlflowServer
from tests.tuning.rows import curve
from tests.tuning.toys import toy_sweep
from tests.tuning.tracked import history, runs_of, wandb_runs
from trainables.toy import ToyTrainable
from tuning.config import Sweep
from tuning.recorder import INDEX, Recorder
from tuning.records import make_stopper
from tuning.retrain import Retrained
from tuning.selection import Pick
from tuning.space import trial_specs
from tuning.track import Tracking, trackers
from tuning.trials import run_trials

pytestmark = pytest.mark.slow


ENDED = [curve(0, 0.1, 0.2, 0.3, 0.4, sweep="resumed"), curve(1, 0.5, 0.6, 0.7, 0.8, sweep="resumed")]
RETRAINED = Retrained(
    seed=3, epochs=2, train_images=8, split_digest="d", classes=["ant"], paths=["ant/0.jpg"], labels=np.zeros(1, np.int64),
    probabilities=np.ones((1, 1), np.float32), loss=None, accuracy=1.0, mean_class_accuracy=1.0, versions={}, state={},
)  # fmt: skip


def going_on(sweep: Sweep, indices: list[int], said: list[str]) -> tuple[Recorder, Tracking]:
    """Return what a resume has that knows these trials to have ended."""
    trials = trial_specs(sweep)
    recorder = Recorder(sweep, trials)
    for index in indices:
        recorder.restore(index, ENDED[index], None, {})
    return recorder, Tracking(trackers(sweep, sweep.folder), trials, recorder, said.append)


def be_killed(sweep: Sweep) -> None:
    """Tell of trial 0 to its end, of 1 to its first epoch, of 2 to its third; then die."""
    os.environ.pop("WANDB_SERVICE", None)  # else its runs would be those of the tests' own process
    with going_on(sweep, [0], [])[1]:
        pass
    trials = trial_specs(sweep)
    for tracker in trackers(sweep, sweep.folder):
        for index, epochs in ((1, 1), (2, 3)):
            tracker.start(trials[index], 1.0)
            for row in ENDED[1][:epochs]:
                tracker.epoch(replace(row, trial=index), 2.0)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def resumed(
    server: MlflowServer, local_ray: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """Go on with a killed sweep of four trials, of which two had ended, and return its folder and all that was said."""
    track = {"mlflow": {"uri": server.uri}, "wandb": {"project": "toys", "mode": "offline"}}
    sweep = toy_sweep(tmp_path_factory.mktemp("storage"), "resumed", track, 4, 4)
    folder, trials = sweep.folder, trial_specs(sweep)
    folder.mkdir(parents=True)
    killed = multiprocessing.get_context("spawn").Process(target=be_killed, args=(sweep,))
    killed.start()
    killed.join(120)
    assert killed.exitcode == -signal.SIGKILL
    model, said = folder / "model.json", list[str]()
    model.write_text("{}")
    recorder, tracking = going_on(sweep, [0, 1], said)
    with tracking:
        run_trials(
            ToyTrainable,
            [{INDEX: i, "kind": "rise", "max_epochs": 4} for i in (2, 3)],
            folder=folder,
            cpus=1,
            gpus=0,
            max_concurrent=None,
            stopper=make_stopper(sweep.stop),
            callbacks=[recorder, tracking],
        )
        tracking.retrained(trials[0], Pick(0, 2, 0.2), RETRAINED, [model], 5.0)
    again = going_on(sweep, [0, 1], said)[1]
    with again:  # as after a kill just before the end
        again.retrained(trials[0], Pick(0, 2, 0.2), RETRAINED, [model], 6.0)
    return folder, said + tracking.missing + again.missing


def test_a_resume_goes_on_with_the_runs_of_mlflow(
    server: MlflowServer, resumed: tuple[Path, list[str]]
) -> None:
    """One run a trial, whole, however far it was told of; and one a retrain, beneath a trial of before, told once."""
    assert resumed[1] == []
    runs = runs_of(server.uri, "resumed")
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("resumed")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 5
    assert set(runs) == {"trial 0", "trial 1", "trial 2", "trial 3", "retrain seed 3"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert {run.data.tags["outcome"] for run in runs.values()} == {"completed"}
    for index in range(4):
        steps = [step for step, _ in history(server.uri, runs[f"trial {index}"], "lr")]
        assert steps == [1, 2, 3, 4], index
    retrain = runs["retrain seed 3"]
    assert retrain.data.tags["mlflow.parentRunId"] == runs["trial 0"].info.run_id
    assert history(server.uri, retrain, "test_accuracy") == [(2, 1.0)]
    assert [item.path for item in client.list_artifacts(retrain.info.run_id)] == ["model.json"]


def test_a_resume_leaves_one_file_a_run_of_wandb(resumed: tuple[Path, list[str]]) -> None:
    """Each whole, under the id that an online resume would go on with."""
    runs = wandb_runs(resumed[0])
    assert len(list((resumed[0] / "wandb").glob("offline-run-*"))) == 5
    assert set(runs) == {"trial 0", "trial 1", "trial 2", "trial 3", "retrain seed 3"}
    for index in range(4):
        _, rows, summary = runs[f"trial {index}"]
        assert ([row["_step"] for row in rows], summary["outcome"]) == ([1, 2, 3, 4], "completed"), index
