"""What `train.deterministic` means to PyTorch, from the sweep file to the last gradient."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data_utils.errors import InputError
from tests.trainables.test_session import FROZEN
from trainables.determinism import deterministic_algorithms
from trainables.session import open_session
from tuning.config import load_sweep
from tuning.space import trial_specs

SWEEP = """name: repeatable
data: {root: sample, resize: 64, image_size: 64}
model: {arch: alexnet}
search: {points: [{lr: 0.1}]}
"""


@pytest.mark.parametrize("wanted", [True, False])
def test_only_deterministic_training_holds_pytorch_to_such_algorithms(
    wanted: bool, images: Path, tmp_path: Path
) -> None:
    """From the first gradient to the last, and the process's own setting is back afterwards."""
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP)
    (spec,) = trial_specs(load_sweep(file, [f"train.deterministic={str(wanted).lower()}"]))
    recipe = replace(
        FROZEN, root=str(images), batch_size=4, freeze=None, deterministic=spec.recipe.deterministic
    )
    session = open_session(recipe, torch.device("cpu"))
    seen = set()
    for parameter in session.learner.model.parameters():
        parameter.register_hook(lambda gradient: seen.add(torch.are_deterministic_algorithms_enabled()))
    session.learner.train_epoch(session.train_batches(session.data.splits.train))
    assert seen == {wanted}
    assert not torch.are_deterministic_algorithms_enabled()


def test_pytorchs_settings_are_back_after_an_error() -> None:
    """They are the whole process's."""

    def settings() -> tuple[bool, bool]:
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
        )

    def fail() -> None:
        assert settings() == (True, False)
        raise InputError("x", ["is wrong"])

    with pytest.raises(InputError), deterministic_algorithms(True):
        fail()
    assert settings() == (False, True)
