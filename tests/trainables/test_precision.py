"""Which arithmetic a setting means."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from data_utils.errors import InputError
from data_utils.folder import ImageFolder
from data_utils.pixel_store import PixelStore
from tests.trainables.test_session import FROZEN
from tests.trainables.test_trained import small
from trainables.layers import features
from trainables.learner import Learner
from trainables.precision import autocast_dtype, exact_fp32, used_precision
from trainables.session import open_session
from trainables.trained import predict_files

CPU = torch.device("cpu")


def test_what_is_written_down_says_what_was_used() -> None:
    """Never `auto`, which another machine would take otherwise."""
    assert (used_precision("fp32", CPU), used_precision("bf16", CPU)) == ("fp32", "bf16")
    here = {"fp32": None, "bf16": torch.bfloat16}[used_precision("auto", CPU)]
    assert autocast_dtype("auto", CPU) == here


def precisions() -> tuple[str, str]:
    """Return how a GPU may multiply fp32 in convolutions and in matrices."""
    return torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision


class Convolutions(TorchDispatchMode):
    """Notes of every convolution, forward and backward, how a GPU might compute it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, tuple[str, str]]] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "conv" in str(func) and len(args[0]) > 1:  # one image of zeros goes through only to tell sizes
            self.seen.add((str(func).split(".")[1], precisions()))
        return func(*args, **(kwargs or {}))


def step(images: Path) -> None:
    """Take one step of training."""
    learner = Learner(small().model.train(), lr=0.1, step_size=1)
    learner.step(torch.zeros(2, 3, 64, 64), torch.tensor([0, 1]))


def validate(images: Path) -> None:
    """Evaluate a network on pixels."""
    session = open_session(replace(FROZEN, root=str(images), batch_size=4, freeze=None), CPU)
    session.learner.evaluate(session.eval_batches(session.data.splits.val))


def keep(images: Path) -> None:
    """Compute what a frozen part gives."""
    open_session(replace(FROZEN, root=str(images), batch_size=4), CPU)


def predict(images: Path) -> None:
    """Predict two images."""
    predict_files(small(), [str(images / name / "0.jpg") for name in ("ant", "bee")])


def layer(images: Path) -> None:
    """Compute a layer's numbers."""
    list(features(small(), PixelStore.of(ImageFolder(images), 70), "features.3"))


@pytest.mark.parametrize("compute", [step, validate, keep, predict, layer])
def test_fp32_is_not_rounded_to_tf32(images: Path, compute: Callable[[Path], None]) -> None:
    """Wherever a network computes, and the process's own setting is back afterwards."""
    before = precisions()
    with Convolutions() as mode:
        compute(images)
    assert {setting for _, setting in mode.seen} == {("ieee", "ieee")}
    assert ("convolution_backward" in dict(mode.seen)) == (compute is step)
    assert precisions() == before != ("ieee", "ieee")


def test_the_setting_is_back_after_an_error() -> None:
    """It is the whole process's."""
    before = precisions()
    with pytest.raises(InputError), exact_fp32():
        raise InputError("x", ["is wrong"])
    assert precisions() == before
