"""What a trainable reports each epoch, under one set of names."""

from dataclasses import dataclass

TRAINING_ITERATION = "training_iteration"
"""Ray's own count of results, which is ours of epochs."""
EPOCH = "epoch"
"""Epochs done, counted from 1."""
LR = "lr"
"""Learning rate of the epoch."""
TRAIN_LOSS = "train_loss"
"""Mean cross entropy an image over the training epoch, in nats; absent when not finite."""
VAL_LOSS = "val_loss"
"""Mean cross entropy an image on validation, in nats; absent when not finite."""
VAL_ACCURACY = "val_accuracy"
"""Share of validation images classified correctly, 0 to 1; absent when the epoch diverged."""
DIVERGED = "diverged"
"""Whether a training loss was NaN or infinite. A flag, since a NaN among the metrics poisons Ray's minima and maxima."""
SECONDS = "seconds"
"""Seconds the epoch took, train and validate."""
IMAGES_PER_SECOND = "images_per_second"
"""Training images a second, validation aside."""


@dataclass(frozen=True)
class EpochMetrics:
    """One epoch of one trial; the fields are the constants above, None where they say absent."""

    epoch: int
    lr: float
    train_loss: float | None
    val_loss: float | None
    val_accuracy: float | None
    diverged: bool
    seconds: float
    images_per_second: float

    def result(self) -> dict[str, float | int | bool]:
        """Return the metrics as a Ray Tune result: what is None is left out."""
        return {name: value for name, value in vars(self).items() if value is not None}
