"""The Ray Tune adapter of the learner: thin, so that training is the same with Ray and without."""

import time
from pathlib import Path
from typing import Any

from ray import tune

from trainables.metrics import (
    DEVICE,
    SECONDS_CHECKPOINT,
    SECONDS_DATA,
    SECONDS_START,
    SECONDS_TRAIN,
    SECONDS_VALIDATE,
    SHOULD_CHECKPOINT,
    EpochMetrics,
)
from trainables.recipe import Recipe

# PyTorch is imported by the methods, so in workers: the driver, which only names this class, starts seconds sooner.

CHECKPOINT = "learner.pt"


class ClassifierTrainable(tune.Trainable):
    """One trial: an epoch of training and a validation each step.

    Config: `recipe` (the fields of `Recipe`), `device` ("cpu" or "cuda"), `threads` to compute with on a CPU,
    `max_epochs`, and `checkpoint_seconds`, the least time between checkpoints (None: none are taken).
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Open the data, build the network."""
        start = time.perf_counter()
        import torch

        from trainables.session import open_session

        torch.set_num_threads(config["threads"])
        self._device = torch.device(config["device"])
        self._max_epochs: int = config["max_epochs"]
        self._checkpoint_seconds: float | None = config["checkpoint_seconds"]
        session = open_session(Recipe(**config["recipe"]), self._device)
        self._learner = session.learner
        self._train = session.train_batches(session.data.splits.train)
        self._val = session.eval_batches(session.data.splits.val)
        self._checkpointed = time.perf_counter()
        self._seconds_checkpoint = 0.0
        self._seconds_start = self._checkpointed - start

    def step(self) -> dict[str, Any]:
        """Train an epoch, validate, and return `EpochMetrics` with the device's name."""
        from trainables.precision import device_name

        learner = self._learner
        waited = self._train.waited + self._val.waited
        start = time.perf_counter()
        training = learner.train_epoch(self._train)
        trained = time.perf_counter()
        evaluation = None if training.loss is None else learner.evaluate(self._val)
        end = time.perf_counter()
        metrics = EpochMetrics(
            epoch=learner.epoch,
            lr=learner.lr_at(learner.epoch),
            train_loss=training.loss,
            val_loss=evaluation.loss if evaluation else None,
            val_accuracy=evaluation.accuracy if evaluation else None,
            diverged=training.loss is None,
            seconds=end - start,
            images_per_second=training.images / (trained - start),
        )
        times = {
            SECONDS_START: self._seconds_start,
            SECONDS_TRAIN: trained - start,
            SECONDS_VALIDATE: end - trained,
            SECONDS_DATA: self._train.waited + self._val.waited - waited,
            SECONDS_CHECKPOINT: self._seconds_checkpoint,
        }
        self._seconds_start = self._seconds_checkpoint = 0.0
        done = learner.epoch >= self._max_epochs
        return (
            metrics.result()
            | times
            | {
                DEVICE: device_name(self._device),
                "done": done,
                SHOULD_CHECKPOINT: not done and self._checkpoint_is_due(end),
            }
        )

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the learner's state."""
        start = time.perf_counter()
        import torch

        torch.save(self._learner.state_dict(), Path(checkpoint_dir, CHECKPOINT))
        self._checkpointed = time.perf_counter()
        self._seconds_checkpoint += self._checkpointed - start

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from a checkpoint folder; only tensors and plain values are read."""
        import torch

        self._learner.load_state_dict(
            torch.load(Path(checkpoint, CHECKPOINT), self._device, weights_only=True)
        )

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another trial's place, with everything built anew: nothing of the last trial is left."""
        for part in ("_learner", "_train", "_val"):  # or a GPU would have to hold two trials at once
            self.__dict__.pop(part, None)
        self.setup(new_config)
        return True

    def _checkpoint_is_due(self, now: float) -> bool:
        return self._checkpoint_seconds is not None and now - self._checkpointed >= self._checkpoint_seconds
