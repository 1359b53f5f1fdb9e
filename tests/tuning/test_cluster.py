"""A local Ray is this machine's, and this user's, alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import ray
from ray._private.node import Node
from ray.tune import tune as ray_tune

from data_utils.errors import InputError
from tests.few_digits import few_digits
from tuning.cluster import STARTS, _init_patiently, resume_command
from tuning.nodes import this_machine
from tuning.ray_inside import uncounted, what_trials_need

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_nothing_listens_beyond_this_machine_while_a_sweep_runs(tmp_path: Path) -> None:
    """No process of the command, nor of those that it starts; asked when trials run, so that workers are among them.

    Nor is there a process that the sweep has no use for; the node's agent looks for none of them; no tracker is imported.
    """
    settings = [
        f"data.root={few_digits()}",
        "train.max_epochs=500",
        "stop.up=null",
        "search.points=[{lr: 0.001}]",
    ]
    small = ["data.resize=64", "data.image_size=64", "data.batch_size=10", "model.hidden=16"]
    sets = [part for setting in (*settings, *small) for part in ("--set", setting)]
    command = [
        *(sys.executable, "-X", "importtime", "-m", "tuning.cli"),
        "run",
        "experiments/quickstart.yaml",
        *sets,
        "--storage",
        str(tmp_path),
    ]
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    imported = tmp_path / "imported"
    with (
        imported.open("w") as stderr,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment | {"HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as running,
    ):
        try:
            assert running.stdout is not None
            said = ""
            while "epoch 1/500" not in said:
                line = running.stdout.readline()
                assert line, said
                said += line
            processes = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
            listening = [
                (process.name(), connection.laddr.ip)
                for process in processes
                for connection in process.net_connections("inet")
                if connection.status == psutil.CONN_LISTEN
            ]
            lines = [" ".join(process.cmdline()) for process in processes]
            [logs] = {
                Path(part[10:]) for line in lines for part in line.split() if part.startswith("--log_dir=")
            }
            of_the_agent = (logs / "dashboard_agent.log").read_text()
            tokens = {token for process in processes if (token := process.environ().get("RAY_AUTH_TOKEN"))}
        finally:
            running.terminate()
            running.communicate(timeout=600)
    assert {name for name, _ in listening} >= {"gcs_server", "raylet"}  # so that this has looked at Ray's
    assert {ip.removeprefix("::ffff:") for _, ip in listening} == {"127.0.0.1"}
    assert len(tokens) == 1  # Ray's processes know it
    assert not any(token in line for token in tokens for line in lines)
    assert not any(home.iterdir())  # no token in a file
    of_no_use = ("monitor.py", "dashboard.py", "ray::IDLE")
    assert not [line for line in lines if any(name in line for name in of_no_use)]
    assert sum("Trainable" in line for line in lines) == 1
    assert of_the_agent
    assert "address failed" not in of_the_agent  # of the server it would ask
    modules = {line.rpartition("|")[2].strip() for line in imported.read_text().splitlines()}
    assert "ray.tune" in modules
    assert not modules & {"mlflow", "wandb"}


def test_a_sigterm_while_ray_starts_is_an_interrupt(images: Path, tmp_path: Path) -> None:
    """Though Ray sets another handler then."""
    words = ("run", "experiments/quickstart.yaml", "--set", f"data.root={images}", "--storage", tmp_path)
    command = [Path(sys.executable).with_name("upsweep"), *map(str, words)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "starting Ray, which takes some seconds\n"
        time.sleep(1)
        running.terminate()
        _, said = running.communicate(timeout=120)
    assert (running.returncode, said) == (130, "interrupted\n")


def test_a_ray_that_gives_up_on_itself_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few times, and then the machine is said to be too busy; what else goes wrong is no matter of time."""
    said = ["The current node timed out during startup. This could happen because ..."] * (STARTS + 1)

    def give_up(**_: object) -> None:
        raise Exception(said.pop())  # as Ray does

    shut_down = list[bool]()
    monkeypatch.setattr(ray, "init", give_up)
    monkeypatch.setattr(ray, "shutdown", lambda: shut_down.append(True))  # not the Ray that other tests share
    with pytest.raises(
        InputError, match=r"Ray: did not start in its time, 3 times: this machine is too busy"
    ):
        _init_patiently(this_machine())
    assert (len(said), len(shut_down)) == (1, STARTS)
    said.append("no such file")
    with pytest.raises(Exception, match="no such file"):
        _init_patiently(this_machine())
    assert len(said) == 1


def test_a_method_that_a_ray_lacks_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only saves time keeps no later Ray from starting; what is replaced is itself again."""
    monkeypatch.delattr(Node, "start_monitor")
    server = Node.start_api_server
    with what_trials_need():
        assert not hasattr(Node, "start_monitor")
        assert Node.start_api_server is not server
    assert not hasattr(Node, "start_monitor")
    assert Node.start_api_server is server
    monkeypatch.delattr(ray_tune, "air_usage")
    with uncounted():
        assert not hasattr(ray_tune, "air_usage")


def test_what_goes_on_with_a_sweep_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its folder is called, and on the cluster that it was on."""
    monkeypatch.setattr("tuning.cluster._named", None)
    assert resume_command("runs/a b#c") == "upsweep resume 'runs/a b#c'"
    monkeypatch.setattr("tuning.cluster._named", "head:6379")
    assert resume_command(Path("runs/a")) == "upsweep resume runs/a --address head:6379"
