"""What a head is asked about a run, as a process of its own."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from data_utils.file_access import write_bytes
from data_utils.places import s3_place, under
from tests.s3_server import S3Server

SWEEP = """name: small
data: {root: sample}
model: {arch: alexnet, hidden: 16, init: kaiming}
search: {points: [{lr: 0.01}, {lr: 0.001}]}
"""


def asked(*words: str, **environment: str) -> str:
    """Return what the job prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tuning.job", *words, "--client", version("upsweep")],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_place_may_begin_at_home(tmp_path: Path) -> None:
    """That of the head's user, as for the sweep itself."""
    (tmp_path / "runs" / "small").mkdir(parents=True)
    (tmp_path / "runs" / "small" / "sweep.yaml").write_text(SWEEP)
    assert '"2: 2 waiting"' in asked("status", "~/runs/small", HOME=str(tmp_path), UPSWEEP_SHARED="/")


def test_a_run_is_at_the_server_that_its_sweep_names(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The head's own environment names another, or none."""
    write_bytes(under(s3_place("s3://bucket/job/small"), "sweep.yaml"), SWEEP.encode())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    server = (f"--endpoint={s3.endpoint}", "--region=us-east-1")
    assert '"2: 2 waiting"' in asked("status", "s3://bucket/job/small", *server)
