"""Trackers on real ones: an MLflow server on loopback, TensorBoard's and W&B's files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow import MlflowClient
from ray import tune
from ray.tune.experiment import Trial

from tests.conftest import Run, write_images
from tests.mlflow_server import MlflowServer
from tests.tuning.rows import specs
from tests.tuning.toys import SteppingBack, run_toys, toy_sweep
from tests.tuning.tracked import (
    history,
    runs_of,
    tensorboard_events,
    wandb_records,
    wandb_runs,
)
from trainables.metrics import EPOCH
from tuning.recorder import Recorder
from tuning.records import Outcome
from tuning.results import load
from tuning.told import Told
from tuning.track_mlflow import MlflowTracker

CURVES = {"lr", "train_loss", "val_loss", "val_accuracy", "seconds", "images_per_second"}


class Killer(tune.Callback):
    """Kills a server when a trial has done its fifth epoch."""

    def __init__(self, server: MlflowServer):
        self._server = server

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks, nothing: a process is no state."""
        return {}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Look at the epoch."""
        if result[EPOCH] == 5:
            self._server.kill()


@pytest.mark.usefixtures("local_ray")
def test_tensorboard_files_hold_every_epoch(tmp_path: Path) -> None:
    """Nothing is lost though the driver waits for no disk: forty of a trial that runs through, thirty of one that stops."""
    run_toys(toy_sweep(tmp_path, "toys", {"tensorboard": True}, 2, 40), ["rise", "flat"])
    for trial, epochs in (("trial_00000", 40), ("trial_00001", 30)):
        (file,) = (tmp_path / "toys" / "ray" / trial).glob("events.out.tfevents.*")
        told = [value for event in tensorboard_events(file) for value in event.summary.value]
        assert sum(value.tag == "ray/tune/val_accuracy" for value in told) == epochs


@pytest.mark.slow
def test_event_files_do_without_torch() -> None:
    """Whose import by tensorboardX would cost every start some seconds; and it can be imported afterwards."""
    asked = "import sys; from tuning.track import EventFiles; EventFiles(); print('torch' in sys.modules); import torch"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.fixture(scope="module")
def toys(
    server: MlflowServer, local_ray: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Recorder, list[str]]:
    """Run three toys, ten epochs at most, under both trackers; return the folder, the rows and all that was said."""
    track = {"mlflow": {"uri": server.uri}, "wandb": {"project": "toys", "mode": "offline"}}
    sweep = toy_sweep(tmp_path_factory.mktemp("storage"), "toys", track, 3, 10)
    recorder, warned, missing = run_toys(sweep, ["rise", "diverge", "crash"], SteppingBack)
    return sweep.folder, recorder, warned + missing


def test_mlflow_has_a_run_a_trial_with_flat_hyperparameters(
    server: MlflowServer, toys: tuple[Path, Recorder, list[str]]
) -> None:
    """Each under the sweep's name, the experiment by default; nothing was amiss."""
    assert toys[2] == []
    runs = runs_of(server.uri, "toys")
    assert set(runs) == {"trial 0", "trial 1", "trial 2"}
    assert runs["trial 1"].data.params == {
        "lr": "0.05", "step_size": "30", "gamma": "0.1", "momentum": "0.9", "weight_decay": "5e-05", "seed": "0",
        "batch_size": "256", "arch": "alexnet", "hidden": "4096", "init": "torchvision", "freeze": "null",
    }  # fmt: skip


def test_mlflow_has_every_epoch_at_its_step(
    server: MlflowServer, toys: tuple[Path, Recorder, list[str]]
) -> None:
    """The curves are the rows, and no counters of Ray's are among them."""
    run = runs_of(server.uri, "toys")["trial 0"]
    assert set(run.data.metrics) == CURVES | {"best_val_accuracy", "best_epoch"}
    assert history(server.uri, run, "val_accuracy") == [
        (row.epoch, row.val_accuracy) for row in toys[1].of(0)
    ]
    assert [step for step, _ in history(server.uri, run, "lr")] == list(range(1, 11))
    assert history(server.uri, run, "best_epoch") == [(10, 10.0)]


def test_mlflow_tells_how_trials_ended(server: MlflowServer, toys: tuple[Path, Recorder, list[str]]) -> None:
    """Status, outcome and reason; a diverged epoch adds no point to a loss."""
    runs = runs_of(server.uri, "toys")
    told = [(runs[f"trial {i}"].info.status, runs[f"trial {i}"].data.tags) for i in range(3)]
    assert [(status, tags["outcome"]) for status, tags in told] == [
        ("FINISHED", "completed"),
        ("FINISHED", "diverged"),
        ("FAILED", "errored"),
    ]
    assert told[1][1]["stop_reason"] == "train_loss: not finite at epoch 5"
    assert "the toy crashes at epoch 4, as told" in told[2][1]["error"]
    assert [step for step, _ in history(server.uri, runs["trial 1"], "train_loss")] == [1, 2, 3, 4]


def test_wandb_has_the_same_in_its_files(toys: tuple[Path, Recorder, list[str]]) -> None:
    """Offline runs with configuration, history and summary."""
    runs = wandb_runs(toys[0])
    assert set(runs) == {"trial 0", "trial 1", "trial 2"}
    config, rows, summary = runs["trial 0"]
    assert (config["lr"], config["freeze"]) == (0.1, None)
    assert "recipe" not in config
    assert [(row["_step"], row["val_accuracy"]) for row in rows] == [
        (row.epoch, row.val_accuracy) for row in toys[1].of(0)
    ]
    assert summary["outcome"] == "completed"
    assert runs["trial 1"][2]["stop_reason"] == "train_loss: not finite at epoch 5"


def test_an_epoch_reported_again_is_told_once(
    server: MlflowServer, toys: tuple[Path, Recorder, list[str]]
) -> None:
    """Trial 0 did its second and third epochs twice: its curves have one point an epoch."""
    points = history(server.uri, runs_of(server.uri, "toys")["trial 0"], "val_loss")
    assert [step for step, _ in points] == list(range(1, 11))
    assert [row["_step"] for row in wandb_runs(toys[0])["trial 0"][1]] == list(range(1, 11))


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
def test_a_server_that_dies_ends_no_sweep(tmp_path: Path) -> None:
    """It is killed at epoch 5 of 40; every row is there, and the loss is said once, and at the end."""
    with MlflowServer(tmp_path / "server") as doomed:
        track = {"tensorboard": False, "mlflow": {"uri": doomed.uri, "experiment": "other"}}
        sweep = toy_sweep(tmp_path, "doomed", track, 2, 40)
        recorder, warned, missing = run_toys(sweep, ["rise", "rise"], watchers=[Killer(doomed)])
    assert [(row.outcome, row.epochs_run) for row in recorder.trials()] == [(Outcome.COMPLETED, 40)] * 2
    (warning,), (loss,) = warned, missing
    assert warning.startswith("track.mlflow: API request to")
    assert "the sweep goes on" in warning
    assert "did not arrive" in loss
    assert not list(sweep.folder.rglob("events.out.tfevents.*"))


@pytest.mark.usefixtures("local_ray")
def test_the_retrain_brings_test_and_model(server: MlflowServer, in_process: Run, tmp_path: Path) -> None:
    """A tiny real sweep by the command, under both trackers: each gets the very files and figures of the folder."""
    settings = (
        f"data.root={write_images(tmp_path / 'images')}", "train.max_epochs=2", "model.hidden=16",
        "search.points=[{lr: 0.01}, {lr: 1e25}]", f"track.mlflow.uri={server.uri}", "track.mlflow.experiment=real",
        "track.wandb={project: real, mode: offline}",
    )  # fmt: skip
    overrides = [part for setting in settings for part in ("--set", setting)]
    done = in_process(
        "run", "experiments/quickstart.yaml", *overrides, "--storage", tmp_path, "--name", "tiny"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "track." not in done.stdout
    assert server.uri.removeprefix("http://") not in done.stdout + done.stderr  # MLflow's own chatter
    check_mlflow(server.uri, tmp_path / "tiny", tmp_path)
    check_wandb(tmp_path / "tiny")


def check_mlflow(uri: str, folder: Path, scratch: Path) -> None:
    """Look for a run beneath the winner's, with the figures of test.parquet and the files of the folder."""
    runs, test = runs_of(uri, "real"), load(folder).read("test")
    assert set(runs) == {"trial 0", "trial 1", "retrain seed 0"}
    retrain, winner = runs["retrain seed 0"], runs["trial 0"]
    assert retrain.data.metrics == {
        name: test[name].item() for name in ("test_accuracy", "test_mean_class_accuracy", "test_loss")
    }
    assert retrain.data.params["epochs"] == str(test["epochs"].item())
    assert retrain.data.tags["mlflow.parentRunId"] == winner.info.run_id
    assert winner.data.tags["winner"] == "true"
    assert "winner" not in runs["trial 1"].data.tags
    client = MlflowClient(uri)
    artifacts = {item.path: item.file_size for item in client.list_artifacts(retrain.info.run_id)}
    assert artifacts == {name: (folder / name).stat().st_size for name in ("model.json", "model.safetensors")}
    card = client.download_artifacts(retrain.info.run_id, "model.json", str(scratch))
    assert Path(card).read_text() == (folder / "model.json").read_text()


def check_wandb(folder: Path) -> None:
    """Look for the figures in the summary of a run of its own, and for the model as its artifact."""
    runs, test = wandb_runs(folder), load(folder).read("test")
    assert set(runs) == {"trial 0", "trial 1", "retrain seed 0"}
    assert runs["retrain seed 0"][2]["test_accuracy"] == test["test_accuracy"].item()
    paths = {
        entry.path
        for run in (folder / "wandb").glob("offline-run-*")
        for record in wandb_records(run)
        if record.request.HasField("log_artifact") or record.HasField("artifact")
        for entry in (record.artifact or record.request.log_artifact.artifact).manifest.contents
    }
    assert paths == {"model.json", "model.safetensors"}


def test_a_try_that_failed_half_way_leaves_no_second_run(server: MlflowServer, tmp_path: Path) -> None:
    """A lost answer makes the outbox open a run again; another sweep of the same name has its own."""
    trials = specs(1)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tracker = MlflowTracker(server.uri, "tries", "s", Told(tmp_path / name, "mlflow"))
        for when in (1.0, 2.0):
            tracker.start(trials[0], when)
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("tries")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 2


@pytest.mark.parametrize(("status", "passing"), [(413, False), (403, False), (429, True), (503, True)])
def test_a_model_that_the_server_refuses_is_not_sent_for_ever(
    status: int, passing: bool, tmp_path: Path
) -> None:
    """Uploads fail with errors of requests' own, of which some may pass; those behind one would wait for it."""
    answer = requests.Response()
    answer.status_code = status
    tracker = MlflowTracker("http://127.0.0.1:1", "e", "s", Told(tmp_path, "mlflow"))
    assert tracker.passing(requests.HTTPError(response=answer)) is passing
    assert tracker.passing(requests.ConnectionError())
