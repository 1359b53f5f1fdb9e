"""Trackers on real ones: an MLflow server on loopback, W&B's files; what they hold, and sweeps that outlive them."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from ray import tune
from ray.tune.experiment import Trial
from tensorboardX.proto.event_pb2 import Event
from wandb.proto.wandb_internal_pb2 import Record

from data_utils.errors import InputError
from tests.conftest import Run, save_image
from tests.tuning.rows import curve, specs
from trainables.metrics import EPOCH
from trainables.toy import ToyTrainable
from tuning.config import Sweep, load_sweep
from tuning.plan import plan
from tuning.recorder import INDEX, Recorder
from tuning.records import Outcome, make_stopper
from tuning.results import load
from tuning.retrain import Retrained
from tuning.selection import Pick
from tuning.space import trial_specs
from tuning.told import Told
from tuning.track import Tracking, tensorboard, trackers
from tuning.track_mlflow import MlflowTracker
from tuning.trials import run_trials

QUICKSTART = "experiments/quickstart.yaml"
CURVES = {"lr", "train_loss", "val_loss", "val_accuracy", "seconds", "images_per_second"}


class Server:
    """An MLflow server on a free loopback port, with all it keeps in a folder."""

    def __init__(self, folder: Path):
        folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
                    "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/runs.db",
                    "--artifacts-destination", folder / "artifacts",
                ],
                env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def wait(self) -> "Server":
        """Return it when it answers."""
        for _ in range(300):
            assert self._process.poll() is None, self._log.read_text()
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
            except OSError:
                time.sleep(0.2)
            else:
                return self
        raise TimeoutError(self._log.read_text())

    def kill(self) -> None:
        """End it with the workers that it started, and no others: they are a group of their own."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Start one to keep and one to kill, at once: each takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    both = Server(folder / "keep"), Server(folder / "kill")
    try:
        yield both[0].wait(), both[1].wait()
    finally:
        for server in both:
            server.kill()


@pytest.fixture(scope="session")
def server(servers: tuple[Server, Server]) -> Server:
    """Return the one that stays."""
    return servers[0]


class SteppingBack(ToyTrainable):
    """A toy that after its third epoch does the second and third again, as after a restore from a checkpoint."""

    def step(self) -> dict[str, Any]:
        """Return the next point."""
        if self._epoch == 3 and not getattr(self, "_back", False):
            self._back, self._epoch = True, 1
        return super().step()


class Killer(tune.Callback):
    """Kills a server when a trial has done its fifth epoch."""

    def __init__(self, server: Server):
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


def toy_sweep(storage: Path, name: str, track: dict[str, Any], count: int, epochs: int) -> Sweep:
    """Return a sweep for toys, which need no images."""
    points = [{"lr": 0.1 / (i + 1)} for i in range(count)]
    values = {
        "name": name,
        "data": {"root": "sample"},
        "model": {"arch": "alexnet"},
        "train": {"max_epochs": epochs},
        "search": {"points": points},
        "storage": str(storage),
        "track": track,
    }
    return Sweep.model_validate(values)


def run_toys(
    sweep: Sweep,
    kinds: list[str],
    trainable: type[ToyTrainable] = ToyTrainable,
    watchers: Sequence[tune.Callback] = (),
) -> tuple[Recorder, list[str], list[str]]:
    """Run toys under a sweep's trackers; return the rows, what was warned of, and what is missing at the end."""
    trials = trial_specs(sweep)
    recorder = Recorder(sweep, trials)
    warned: list[str] = []
    folder, epochs = sweep.folder, sweep.train.max_epochs
    folder.mkdir(parents=True, exist_ok=True)
    with Tracking(trackers(sweep, folder), trials, recorder, warned.append) as tracking:
        run_trials(
            trainable,
            [{INDEX: i, "kind": kind, "max_epochs": epochs} for i, kind in enumerate(kinds)],
            folder=folder,
            cpus=1,
            gpus=0,
            max_concurrent=None,
            stopper=make_stopper(sweep.stop),
            callbacks=[recorder, *tensorboard(sweep), tracking, *watchers],
        )
    return recorder, warned, tracking.missing


@pytest.mark.usefixtures("local_ray")
def test_tensorboard_files_hold_every_epoch(tmp_path: Path) -> None:
    """Nothing is lost though the driver waits for no disk: forty of a trial that runs through, thirty of one that stops."""
    run_toys(toy_sweep(tmp_path, "toys", {"tensorboard": True}, 2, 40), ["rise", "flat"])
    for trial, epochs in (("trial_00000", 40), ("trial_00001", 30)):
        (file,) = (tmp_path / "toys" / "ray" / trial).glob("events.out.tfevents.*")
        told = [value for event in tensorboard_events(file) for value in event.summary.value]
        assert sum(value.tag == "ray/tune/val_accuracy" for value in told) == epochs


def test_event_files_do_without_torch() -> None:
    """Whose import by tensorboardX would cost every start some seconds; and it can be imported afterwards."""
    asked = "import sys; from tuning.track import EventFiles; EventFiles(); print('torch' in sys.modules); import torch"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def tensorboard_events(file: Path) -> list[Event]:
    """Return what an event file holds: records of a length, its checksum, the data, theirs."""
    data, place, events = file.read_bytes(), 0, []
    while place < len(data):
        size = int.from_bytes(data[place : place + 8], "little")
        events.append(Event.FromString(data[place + 12 : place + 12 + size]))
        place += size + 16
    return events


def runs_of(uri: str, experiment: str) -> dict[str, MlflowRun]:
    """Return an experiment's runs by their names."""
    client = MlflowClient(uri)
    there = client.get_experiment_by_name(experiment)
    assert there is not None
    return {str(run.info.run_name): run for run in client.search_runs([there.experiment_id])}


def history(uri: str, run: MlflowRun, metric: str) -> list[tuple[int, float]]:
    """Return a curve's points, (step, value)."""
    points = MlflowClient(uri).get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value) for point in points)


def wandb_records(run: Path) -> list[Record]:
    """Return what a W&B run's file holds: a log of 32 KiB blocks of chunks, as LevelDB writes them."""
    (file,) = run.glob("run-*.wandb")
    data, place, whole, records = file.read_bytes(), 7, b"", []
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:  # no room for a chunk's head: the rest of the block is empty
            place += 32768 - place % 32768
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # a record in one chunk, or the last of several
            records.append(Record.FromString(whole))
            whole = b""
    return records


def wandb_runs(folder: Path) -> dict[str, tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]]:
    """Return each offline run's configuration, history and summary, by the run's name."""
    runs = {}
    for path in (folder / "wandb").glob("offline-run-*"):
        config: dict[str, Any] = {}
        rows: list[dict[str, Any]] = []
        summary: dict[str, Any] = {}
        name = ""
        for record in wandb_records(path):
            if record.HasField("run"):
                name = record.run.display_name or name
                config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            if record.HasField("history"):
                items = record.history.item
                rows.append({(i.key or ".".join(i.nested_key)): json.loads(i.value_json) for i in items})
            if record.HasField("summary"):
                summary |= {
                    (i.key or ".".join(i.nested_key)): json.loads(i.value_json) for i in record.summary.update
                }
        runs[name] = (config, rows, summary)
    return runs


@pytest.fixture(scope="module")
def toys(
    server: Server, local_ray: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Recorder, list[str]]:
    """Run three toys, ten epochs at most, under both trackers; return the folder, the rows and all that was said."""
    track = {"mlflow": {"uri": server.uri}, "wandb": {"project": "toys", "mode": "offline"}}
    sweep = toy_sweep(tmp_path_factory.mktemp("storage"), "toys", track, 3, 10)
    recorder, warned, missing = run_toys(sweep, ["rise", "diverge", "crash"], SteppingBack)
    return sweep.folder, recorder, warned + missing


def test_mlflow_has_a_run_a_trial_with_flat_hyperparameters(
    server: Server, toys: tuple[Path, Recorder, list[str]]
) -> None:
    """Each under the sweep's name, the experiment by default; nothing was amiss."""
    assert toys[2] == []
    runs = runs_of(server.uri, "toys")
    assert set(runs) == {"trial 0", "trial 1", "trial 2"}
    assert runs["trial 1"].data.params == {
        "lr": "0.05", "step_size": "30", "gamma": "0.1", "momentum": "0.9", "weight_decay": "5e-05", "seed": "0",
        "batch_size": "256", "arch": "alexnet", "hidden": "4096", "init": "torchvision", "freeze": "null",
    }  # fmt: skip


def test_mlflow_has_every_epoch_at_its_step(server: Server, toys: tuple[Path, Recorder, list[str]]) -> None:
    """The curves are the rows, and no counters of Ray's are among them."""
    run = runs_of(server.uri, "toys")["trial 0"]
    assert set(run.data.metrics) == CURVES | {"best_val_accuracy", "best_epoch"}
    assert history(server.uri, run, "val_accuracy") == [
        (row.epoch, row.val_accuracy) for row in toys[1].of(0)
    ]
    assert [step for step, _ in history(server.uri, run, "lr")] == list(range(1, 11))
    assert history(server.uri, run, "best_epoch") == [(10, 10.0)]


def test_mlflow_tells_how_trials_ended(server: Server, toys: tuple[Path, Recorder, list[str]]) -> None:
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


def test_an_epoch_reported_again_is_told_once(server: Server, toys: tuple[Path, Recorder, list[str]]) -> None:
    """Trial 0 did its second and third epochs twice: its curves have one point an epoch."""
    points = history(server.uri, runs_of(server.uri, "toys")["trial 0"], "val_loss")
    assert [step for step, _ in points] == list(range(1, 11))
    assert [row["_step"] for row in wandb_runs(toys[0])["trial 0"][1]] == list(range(1, 11))


@pytest.mark.usefixtures("local_ray")
def test_a_server_that_dies_ends_no_sweep(servers: tuple[Server, Server], tmp_path: Path) -> None:
    """It is killed at epoch 5 of 40; every row is there, and the loss is said once, and at the end."""
    doomed = servers[1]
    track = {"tensorboard": False, "mlflow": {"uri": doomed.uri, "experiment": "other"}}
    sweep = toy_sweep(tmp_path, "doomed", track, 2, 40)
    recorder, warned, missing = run_toys(sweep, ["rise", "rise"], watchers=[Killer(doomed)])
    assert [(row.outcome, row.epochs_run) for row in recorder.trials()] == [(Outcome.COMPLETED, 40)] * 2
    (warning,), (loss,) = warned, missing
    assert warning.startswith("track.mlflow: API request to")
    assert "the sweep goes on" in warning
    assert "did not arrive" in loss
    assert not list(sweep.folder.rglob("events.out.tfevents.*"))


@pytest.fixture(scope="module")
def whole(
    server: Server, upsweep: Run, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run a tiny real sweep by the command, of 18 images, under both trackers."""
    storage, images = tmp_path_factory.mktemp("storage"), tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for place in range(18):
        pixels = rng.integers(0, 256, (70, 90, 3), dtype=np.uint8)
        save_image(images / ("ant", "bee", "cat")[place % 3] / f"{place}.jpg", pixels)
    settings = (
        f"data.root={images}", "train.max_epochs=2", "model.hidden=16", "search.points=[{lr: 0.01}, {lr: 1e25}]",
        f"track.mlflow.uri={server.uri}", "track.mlflow.experiment=real", "track.wandb={project: real, mode: offline}",
    )  # fmt: skip
    overrides = [part for setting in settings for part in ("--set", setting)]
    done = upsweep("run", QUICKSTART, *overrides, "--storage", storage, "--name", "tiny")
    return done, storage / "tiny"


def test_the_retrain_brings_test_and_model_to_mlflow(
    server: Server, whole: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    """A run beneath the winner's, with the figures of test.parquet and the very files of the folder."""
    done, folder = whole
    assert done.returncode == 0, done.stdout + done.stderr
    assert "track." not in done.stdout
    assert server.uri.removeprefix("http://") not in done.stdout + done.stderr  # MLflow's own chatter
    runs, test = runs_of(server.uri, "real"), load(folder).test
    assert test is not None
    assert set(runs) == {"trial 0", "trial 1", "retrain seed 0"}
    retrain, winner = runs["retrain seed 0"], runs["trial 0"]
    assert retrain.data.metrics == {
        name: test[name].item() for name in ("test_accuracy", "test_mean_class_accuracy", "test_loss")
    }
    assert retrain.data.params["epochs"] == str(test["epochs"].item())
    assert retrain.data.tags["mlflow.parentRunId"] == winner.info.run_id
    assert winner.data.tags["winner"] == "true"
    assert "winner" not in runs["trial 1"].data.tags
    client = MlflowClient(server.uri)
    artifacts = {item.path: item.file_size for item in client.list_artifacts(retrain.info.run_id)}
    assert artifacts == {name: (folder / name).stat().st_size for name in ("model.json", "model.safetensors")}
    card = client.download_artifacts(retrain.info.run_id, "model.json", str(tmp_path))
    assert Path(card).read_text() == (folder / "model.json").read_text()


def test_the_retrain_brings_test_and_model_to_wandb(
    whole: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """The figures in the summary of a run of its own, and the model as its artifact."""
    folder, test = whole[1], load(whole[1]).test
    assert test is not None
    runs = wandb_runs(folder)
    assert set(runs) == {"trial 0", "trial 1", "retrain seed 0"}
    summary = runs["retrain seed 0"][2]
    assert summary["test_accuracy"] == test["test_accuracy"].item()
    paths = {
        entry.path
        for run in (folder / "wandb").glob("offline-run-*")
        for record in wandb_records(run)
        if record.request.HasField("log_artifact") or record.HasField("artifact")
        for entry in (record.artifact or record.request.log_artifact.artifact).manifest.contents
    }
    assert paths == {"model.json", "model.safetensors"}


# Going on after a kill.


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
    server: Server, local_ray: None, tmp_path_factory: pytest.TempPathFactory
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


@pytest.mark.slow
def test_a_resume_goes_on_with_the_runs_of_mlflow(server: Server, resumed: tuple[Path, list[str]]) -> None:
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


def test_a_try_that_failed_half_way_leaves_no_second_run(server: Server, tmp_path: Path) -> None:
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


# What is refused before anything is trained.


def refused(track: dict[str, Any], storage: Path) -> str:
    """Return what the plan says to a `track` section."""
    with pytest.raises(InputError) as error:
        plan(toy_sweep(storage, "refused", track, 1, 1))
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "value"), [("mlflow", {"uri": "http://127.0.0.1:9"}), ("wandb", {"project": "x"})]
)
def test_a_package_that_is_not_installed(
    name: str, value: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named, with what installs it."""
    monkeypatch.setitem(sys.modules, name, None)  # what makes Python raise as for a package that is not there
    assert f"pip install 'upsweep[{name}]'" in refused({name: value}, tmp_path)


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """Named by its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert f"no MLflow server answers at {uri}" in refused({"mlflow": {"uri": uri}}, tmp_path)


@pytest.mark.parametrize(
    "override",
    [
        "track.mlflow.uri=http://me:sesame@host:5000",
        "track.mlflow.uri=http://me:ses@ame@host:5000/?sesame",
        "track.mlflow=http://me:sesame@host",
        "track.mlflow={uri: 'http://me:sesame@host', experimnt: x}",
        "track.wandb.api_key=sesame",
        "track.wandb={project: x, mode: sesame}",
        "track.mlflow.uri: http://me:sesame@host",
        "track.mlflow.uri=[http://me:sesame@host",
    ],
)
def test_a_secret_is_refused_and_not_repeated(override: str) -> None:
    """Wherever in the section it stands, and however it is written."""
    with pytest.raises(InputError) as error:
        load_sweep(QUICKSTART, [override])
    assert "sesame" not in str(error.value)
    assert "track" in str(error.value)


def test_a_password_in_the_address_is_refused_with_the_remedy() -> None:
    """The environment is where it belongs."""
    with pytest.raises(InputError, match="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"):
        load_sweep(QUICKSTART, ["track.mlflow.uri=http://me:sesame@host:5000"])


def test_nothing_imports_a_tracker_unless_asked() -> None:
    """They take seconds to import."""
    check = "import sys, tuning.driver; sys.exit(any(name in sys.modules for name in ('mlflow', 'wandb')))"
    assert (
        subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[2], check=False).returncode
        == 0
    )
