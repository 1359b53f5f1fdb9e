"""Two drivers on one folder: the second is refused, and a kill leaves no lock behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from data_utils.errors import InputError
from tests.conftest import Run
from tests.tuning.test_cli import said
from tuning.run_lock import hold

HOLD = "import sys, time, pathlib; from tuning.run_lock import hold\nwith hold(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
SWEEP = """name: mine
data: {root: sample, resize: 64, image_size: 64}
model: {arch: alexnet, hidden: 16}
train: {max_epochs: 1}
search: {points: [{lr: 0.01}]}
"""


def holding(folder: Path) -> "subprocess.Popen[str]":
    """Start a process that holds a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_is_refused_and_a_kill_releases(tmp_path: Path) -> None:
    """With who holds it; the file that says so, left by the kill, keeps nobody out."""
    folder = tmp_path / "runs" / "mine"
    with holding(folder) as first:
        with (
            pytest.raises(
                InputError, match=f"mine: is in use by process {first.pid} on {socket.gethostname()}; wait"
            ),
            hold(folder),
        ):
            pass
        with hold(folder.with_name("other")):
            pass
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    with hold(folder):
        assert {path.name for path in folder.parent.iterdir()} == {
            ".mine.lock",
            ".mine.holder",
            ".other.lock",
        }
    with hold(folder):  # and a clean end releases, too
        pass


def test_an_error_within_is_that_error(tmp_path: Path) -> None:
    """And releases."""
    with pytest.raises(ZeroDivisionError), hold(tmp_path / "mine"):
        raise ZeroDivisionError
    with hold(tmp_path / "mine"):
        pass


@pytest.mark.parametrize("command", ["overwrite", "resume", "study", "clean"])
def test_every_command_that_writes_is_refused(command: str, upsweep: Run, tmp_path: Path) -> None:
    """Before it does anything to the folder."""
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    (tmp_path / "study.yaml").write_text("name: mine\nsweeps: [{file: sweep.yaml}]\n")
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / ("study.txt" if command == "study" else "sweep.yaml")).write_text(SWEEP)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    typed = {
        "overwrite": ("run", tmp_path / "sweep.yaml", "--storage", folder.parent, "--overwrite"),
        "resume": ("resume", folder),
        "study": ("study", tmp_path / "study.yaml", "--storage", folder.parent),
        "clean": ("clean", folder, "--yes"),
    }[command]
    with holding(folder) as first:
        try:
            assert f"{folder}: is in use by process {first.pid} on " in said(upsweep(*typed))
        finally:
            first.kill()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
