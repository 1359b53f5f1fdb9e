"""The Ray Tune adapter of the learner: thin, so that training is the same with Ray and without."""

import time
from pathlib import Path
from typing import Any

from ray import tune

from trainables.metrics import EpochMetrics
from trainables.recipe import Recipe

# PyTorch is imported by the methods, so in workers: the driver, which only names this class, starts seconds sooner.

CHECKPOINT = "learner.pt"


class ClassifierTrainable(tune.Trainable):
    """One trial: an epoch of training and a validation each step.

    Config: `recipe` (the fields of `Recipe`), `max_epochs`, and `threads` to compute with on a CPU.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Open the data, build the network."""
        import torch

        from trainables.precision import best_device

        torch.set_num_threads(config["threads"])
        self._device = best_device()
        self._max_epochs: int = config["max_epochs"]
        recipe = Recipe(**config["recipe"])
        data = recipe.data()
        self._learner = recipe.learner(len(data.classes), self._device)
        self._train = recipe.train_batches(data, data.splits.train, self._device)
        self._val = recipe.eval_batches(data, data.splits.val, self._device)

    def step(self) -> dict[str, Any]:
        """Train an epoch, validate, and return `EpochMetrics` with the device's name."""
        from trainables.precision import device_name

        learner = self._learner
        start = time.perf_counter()
        training = learner.train_epoch(self._train)
        trained = time.perf_counter()
        evaluation = None if training.loss is None else learner.evaluate(self._val)
        metrics = EpochMetrics(
            epoch=learner.epoch,
            lr=learner.lr_at(learner.epoch),
            train_loss=training.loss,
            val_loss=evaluation.loss if evaluation else None,
            val_accuracy=evaluation.accuracy if evaluation else None,
            diverged=training.loss is None,
            seconds=time.perf_counter() - start,
            images_per_second=training.images / (trained - start),
        )
        return metrics.result() | {
            "device": device_name(self._device),
            "done": learner.epoch >= self._max_epochs,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the learner's state."""
        import torch

        torch.save(self._learner.state_dict(), Path(checkpoint_dir, CHECKPOINT))

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from a checkpoint folder; only tensors and plain values are read."""
        import torch

        self._learner.load_state_dict(
            torch.load(Path(checkpoint, CHECKPOINT), self._device, weights_only=True)
        )

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another trial's place, with everything built anew: nothing of the last trial is left."""
        self.setup(new_config)
        return True
