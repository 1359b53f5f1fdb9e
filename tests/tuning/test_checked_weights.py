"""A weight file is looked at once for each network, and again when it is another."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data_utils.caches import marks_folder
from data_utils.errors import InputError
from trainables.models import build
from tuning.checked_weights import fresh_layers

LAST = ["classifier.6.weight", "classifier.6.bias"]

_ASK = """
import sys
from tuning.checked_weights import fresh_layers
print(fresh_layers("alexnet", 3, sys.argv[1], 16, 64), "torch" in sys.modules)
"""


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of a narrow AlexNet for four classes, with a cache of its own."""
    monkeypatch.setenv("UPSWEEP_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "alexnet.pth"
    torch.save(build("alexnet", 4, hidden=16).state_dict(), file)
    return file


def marks() -> set[Path]:
    """Return the files of all marks."""
    return set(marks_folder().iterdir())


def ask(weights: Path) -> str:
    """Return what another process finds lacking, and whether it has imported PyTorch for it."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK, weights], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def test_a_file_that_was_looked_at_needs_no_pytorch(weights: Path) -> None:
    """With the same answer; for another number of classes, or a file of another time, it is looked at again."""
    assert fresh_layers("alexnet", 3, str(weights), 16, 64) == LAST
    assert ask(weights) == f"{LAST} False"
    assert fresh_layers("alexnet", 4, str(weights), 16, 64) == []
    assert fresh_layers("alexnet", 3, str(weights), 16, 64) == LAST
    before = marks()
    weights.write_bytes(weights.read_bytes())
    assert fresh_layers("alexnet", 3, str(weights), 16, 64) == LAST
    assert len(marks() - before) == 1


def test_what_is_refused_is_refused_again(weights: Path) -> None:
    """A file that is gone, or is none, though the one before it was good."""
    fresh_layers("alexnet", 3, str(weights), 16, 64)
    weights.write_bytes(b"no weights")
    for _ in range(2):
        with pytest.raises(InputError, match=r"save model\.state_dict"):
            fresh_layers("alexnet", 3, str(weights), 16, 64)
    weights.unlink()
    with pytest.raises(InputError, match="no such weight file"):
        fresh_layers("alexnet", 3, str(weights), 16, 64)
