"""Addresses that nothing answers at; what a real head says is in `test_on_a_cluster`."""

import shutil
import socket
from pathlib import Path

import pytest

from tests.conftest import Run

QUICKSTART = Path(__file__).parents[2] / "experiments" / "quickstart.yaml"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a token."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a" * 64)


@pytest.mark.parametrize("address", ["cluster", "http://127.0.0.1:6379", "127.0.0.1:many"])
def test_what_is_no_address_is_refused(upsweep: Run, address: str) -> None:
    """With what one looks like."""
    done = upsweep("validate", QUICKSTART, "--address", address)
    assert (done.returncode, done.stderr) == (
        2,
        f"--address {address}: must be HOST:PORT of a cluster's head, or auto\n",
    )


def test_a_head_that_is_not_there_is_not_waited_for(upsweep: Run, tmp_path: Path) -> None:
    """Ray would try for minutes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    shutil.copy(QUICKSTART, tmp_path / "sweep.yaml")
    for command in (("resume", tmp_path), ("validate", QUICKSTART)):
        done = upsweep(*command, "--address", address)
        assert done.returncode == 2
        assert done.stderr.startswith(
            f"--address {address}: nothing answers there; give the head's HOST:PORT"
        )
        assert "Traceback" not in done.stderr
