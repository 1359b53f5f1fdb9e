"""A state to go on from: the very one that was left, or an error that says what is intact."""

from pathlib import Path

import pytest
import torch
from torch import nn

from data_utils.errors import InputError
from trainables.kept_state import load_state
from trainables.learner import Learner


def learner(outputs: int = 3) -> Learner:
    """Return a small learner."""
    return Learner(nn.Sequential(nn.Flatten(), nn.Linear(12, outputs)), lr=0.1, step_size=1)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the file of a learner's state at epoch 4."""
    first = learner()
    first.epoch = 4
    torch.save(first.state_dict(), tmp_path / "learner.pt")
    return tmp_path / "learner.pt"


def test_a_state_is_gone_on_from(state: Path) -> None:
    """At its epoch."""
    second = learner()
    load_state(second, state, "")
    assert second.epoch == 4


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "missing", "list", "another network's"])
def test_any_other_file_is_named_with_what_is_intact(state: Path, damage: str) -> None:
    """Whatever is wrong with it."""
    whole, other = state.read_bytes(), learner()
    place = whole.index(learner().model[1].weight.detach().numpy().tobytes()[:0]) + len(whole) // 2
    match damage:
        case "flip":
            numbers = torch.load(state, weights_only=True)["model"]["1.weight"].numpy().tobytes()
            place = whole.index(numbers)
            state.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        case "cut":
            state.write_bytes(whole[:place])
        case "empty":
            state.write_bytes(b"")
        case "missing":
            state.unlink()
        case "list":
            torch.save([1, 2], state)
        case _:
            other = learner(outputs=5)
    with pytest.raises(InputError, match=r"learner\.pt: cannot be read \(.+\); all trials are intact"):
        load_state(other, state, "all trials are intact")


@pytest.mark.parametrize("fault", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_want_of_memory_is_not_taken_for_a_damaged_state(
    state: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes through as it is, so that the trial is tried again from the same state."""

    def fail(state: object) -> None:
        raise fault

    second = learner()
    monkeypatch.setattr(second, "load_state_dict", fail)
    with pytest.raises(type(fault)) as raised:
        load_state(second, state, "all trials are intact")
    assert raised.value is fault
