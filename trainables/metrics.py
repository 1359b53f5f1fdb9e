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
COMPUTED_BY = "computed_by"
"""Index of the trial that computed the epoch, if it is another one, with which this one shares its first epochs."""
GIVEN = "given"
"""Whether an epoch was not computed by the worker that reports it, but read from a file, where it stays."""
DEVICE = "device"
"""What computed: "cpu", or the GPU's own name."""
SECONDS_START = "seconds_start"
"""Seconds a worker took to set the trial up: imports, data, network; not those that Ray took to start the worker.
Reported with the first epoch after it, 0 later."""
SECONDS_TRAIN = "seconds_train"
"""Seconds an epoch trained, waiting for data included."""
SECONDS_VALIDATE = "seconds_validate"
"""Seconds an epoch validated, waiting for data included."""
SECONDS_DATA = "seconds_data"
"""Seconds of the two above that were spent waiting for a batch."""
SECONDS_CHECKPOINT = "seconds_checkpoint"
"""Seconds, since the epoch before, of checkpoints and of states left to other trials, up to their arrival in the storage."""
PROFILE = (SECONDS_START, SECONDS_TRAIN, SECONDS_VALIDATE, SECONDS_DATA, SECONDS_CHECKPOINT)
"""Where a trial's time went."""
SHOULD_CHECKPOINT = "should_checkpoint"
"""Ray's own key: a result that holds it true asks for a checkpoint."""


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
