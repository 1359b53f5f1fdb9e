"""A cluster over hosts, in its short form."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.network import why_not

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_sweep_on_hosts_of_which_one_is_cut_off() -> None:
    """It ends with the tables of a local run; who has no token, or a wrong one, is refused."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    done = subprocess.run(
        [sys.executable, "-m", "tests.hosts", "--short"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" token: exit 2: ") == 2
    assert "tables and model equal those of a local run" in done.stdout
