"""A local Ray is this machine's, and this user's, alone."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.few_digits import few_digits

ROOT = Path(__file__).parents[2]


def test_nothing_listens_beyond_this_machine_while_a_sweep_runs(tmp_path: Path) -> None:
    """No process of the command, nor of those that it starts; asked when trials run, so that workers are among them."""
    settings = [
        f"data.root={few_digits()}",
        "train.max_epochs=500",
        "stop.up=null",
        "search.points=[{lr: 0.001}]",
    ]
    small = ["data.resize=64", "data.image_size=64", "data.batch_size=10", "model.hidden=16"]
    sets = [part for setting in (*settings, *small) for part in ("--set", setting)]
    command = [
        Path(sys.executable).with_name("upsweep"),
        "run",
        "experiments/quickstart.yaml",
        *sets,
        "--storage",
        str(tmp_path),
    ]
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment | {"HOME": str(home)}, stdout=subprocess.PIPE, text=True
    ) as running:
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
            tokens = {token for process in processes if (token := process.environ().get("RAY_AUTH_TOKEN"))}
        finally:
            running.terminate()
            running.communicate(timeout=600)
    assert {name for name, _ in listening} >= {"gcs_server", "raylet"}  # so that this has looked at Ray's
    assert {ip.removeprefix("::ffff:") for _, ip in listening} == {"127.0.0.1"}
    assert len(tokens) == 1  # Ray's processes know it
    assert not any(token in line for token in tokens for line in lines)
    assert not any(home.iterdir())  # no token in a file
