"""A disk that fills up, really: a small file system in memory, which takes root to mount."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ray.tune.experiment import Trial

from data_utils.sealed_json import read_sealed
from tests.conftest import Run
from tests.tuning.test_cli import said
from tuning.disk_full import is_disk_full, says_disk_full
from tuning.interrupts import Interrupts
from tuning.recorder import INDEX
from tuning.trials import CheckpointDropper

SWEEP = """name: mine
data: {root: ROOT, resize: 64, image_size: 64, batch_size: 9}
model: {arch: alexnet, hidden: 16, init: kaiming}
train: {max_epochs: 3}
stop: {up: null}
search: {points: [{lr: 0.01}, {lr: 0.001}]}
retrain: null
resources: {max_concurrent: 1}
faults: {checkpoint_seconds: 1.0e-6}
"""
"""A checkpoint is 20 MB, and Ray takes the next before it drops one."""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 30 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root may not mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def assert_whole(folder: Path) -> None:
    """Read all that lies in a sweep's folder under its own name."""
    for table in folder.glob("*.parquet"):
        pq.read_table(table)
    for entry in (folder / "journal").glob("*.json"):
        read_sealed(entry)


@pytest.mark.slow
def test_a_sweep_ends_and_goes_on_when_there_is_space(small: Path, images: Path, upsweep: Run) -> None:
    """A checkpoint does not fit: exit 2 with the folder and what stands; with more space, a resume ends well."""
    (small / "sweep.yaml").write_text(SWEEP.replace("ROOT", str(images)))
    folder = small / "mine"
    message = said(upsweep("run", small / "sweep.yaml", "--storage", small))
    assert f"{folder}: the disk is full (" in message
    assert "what stands: " in message
    assert "checkpoints of trial 0 at epoch 1" in message
    assert f"free some space, then go on with: upsweep resume {folder}" in message
    assert_whole(folder)
    subprocess.run(["mount", "-o", "remount,size=300m", str(small)], check=True)
    done = upsweep("resume", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pq.read_table(folder / "trials.parquet")["epochs_run"].to_pylist() == [3, 3]


@pytest.mark.slow
def test_tables_that_do_not_fit_are_as_they_were(small: Path, images: Path, upsweep: Run) -> None:
    """The disk is full but for a few kB before any trial ends; nothing is torn."""
    (small / "sweep.yaml").write_text(SWEEP.replace("1.0e-6", "null").replace("ROOT", str(images)))
    (small / "filler").write_bytes(bytes(30 * 1024**2 - 64 * 1024))
    message = said(upsweep("run", small / "sweep.yaml", "--storage", small))
    assert "the disk is full" in message
    assert_whole(small / "mine")


def test_checkpoints_stay_where_a_trials_end_could_not_be_written_down(tmp_path: Path) -> None:
    """They are then all that a resume has of it."""
    interrupts = Interrupts(print)
    checkpoint = tmp_path / "ray" / "trial_00000" / "checkpoint_000000"
    checkpoint.mkdir(parents=True)
    trial, dropper = Trial("toy", config={INDEX: 0}, stub=True), CheckpointDropper(tmp_path, interrupts)
    interrupts.break_off(OSError(errno.ENOSPC, "No space left on device"))
    dropper.on_trial_complete(0, [], trial)
    assert checkpoint.is_dir()
    CheckpointDropper(tmp_path, Interrupts(print)).on_trial_complete(0, [], trial)
    assert not checkpoint.exists()


def test_a_full_disk_is_told_from_other_failures() -> None:
    """By the error, by what led to it, and by a worker's text."""
    full = OSError(errno.ENOSPC, "No space left on device")
    assert is_disk_full(full)
    led_to = RuntimeError("a callback failed")
    led_to.__cause__ = full
    assert is_disk_full(led_to)
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"))
    assert says_disk_full(
        "RuntimeError: [enforce fail at inline_container.cc:664] . unexpected pos 704 vs 598"
    )
    assert not says_disk_full("RuntimeError: unexpected position")
