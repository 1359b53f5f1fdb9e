"""Closed-form learning curves under the real result keys, so that the machinery is tested without a network."""

import math
import os
import signal
import time
from pathlib import Path
from typing import Any

from ray import tune

from data_utils.errors import InputError
from trainables.alike import UnlikeMachineError
from trainables.metrics import SHOULD_CHECKPOINT, EpochMetrics


def accuracy(kind: str, epoch: int) -> float:
    """Return the validation accuracy of a curve at an epoch, counted from 1.

    "rise" nears 0.9 for ever; "overfit" is highest at epoch 10 and falls after; "diverge" is a rise whose training loss
    is not finite from epoch 5 on; "crash" is a rise that raises at epoch 4; "flat" stays at 0.1.
    """
    if kind == "flat":
        return 0.1
    if kind == "overfit":
        return 0.8 - 0.005 * abs(epoch - 10)
    return 0.9 * (1 - math.exp(-epoch / 10))


class ToyTrainable(tune.Trainable):
    """A trial that follows a curve, and fails as told.

    Config: `kind`, `max_epochs`; `seconds` an epoch sleeps (0); `checkpoint_every` so many epochs (none); `fails`,
    {epoch: how, of "raise", "die", "memory", "input" and "unlike"}, and `marks`, a folder that notes each failure: it happens once.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Start at epoch 0."""
        self._config = config
        self._epoch = 0

    def step(self) -> dict[str, Any]:
        """Return the next point of the curve."""
        kind = self._config["kind"]
        self._epoch += 1
        time.sleep(self._config.get("seconds", 0))
        if kind == "crash" and self._epoch == 4:
            raise RuntimeError("the toy crashes at epoch 4, as told")
        self._fail()
        diverged = kind == "diverge" and self._epoch >= 5
        value = accuracy(kind, self._epoch)
        metrics = EpochMetrics(
            epoch=self._epoch,
            lr=0.1,
            train_loss=None if diverged else 1 - value,
            val_loss=None if diverged else 1 - value,
            val_accuracy=None if diverged else value,
            diverged=diverged,
            seconds=self._config.get("seconds", 0.0),
            images_per_second=1.0,
        )
        every = self._config.get("checkpoint_every")
        done = self._epoch >= self._config["max_epochs"]
        due = every is not None and self._epoch % every == 0
        return metrics.result() | {"done": done, SHOULD_CHECKPOINT: due and not done}

    def _fail(self) -> None:
        how = self._config.get("fails", {}).get(str(self._epoch))
        if how is None or (mark := Path(self._config["marks"], f"{self.trial_name}_{self._epoch}")).exists():
            return
        mark.touch()
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "memory":
            import torch

            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB, as told")
        if how == "input":
            raise InputError("weights.pt", ["cannot be read, as told"])
        if how == "unlike":
            raise UnlikeMachineError("machine odd", ["has no weights, as told"])
        raise RuntimeError(f"the toy fails at epoch {self._epoch}, as told")

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Return the epoch, which is all there is."""
        return {"epoch": self._epoch}

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from the checkpoint's epoch."""
        self._epoch = checkpoint["epoch"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another trial's configuration."""
        self.setup(new_config)
        return True
