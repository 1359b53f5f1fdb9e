"""Algorithm 2's second half: train the winner again on train + validation for its best epoch count, and test it once.

The only code that touches test images.
"""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from data_utils.file_access import exists, written
from data_utils.places import basename, is_s3, parent, under
from trainables.alike import refuse_unlike, versions
from trainables.recipe import Recipe

if TYPE_CHECKING:
    from trainables.learner import Learner

SECONDS_BETWEEN_LOOKS = 1.0
"""For what asks a retrain to pause, at S3."""


@dataclass(frozen=True)
class Diverged:
    """A retrain whose loss was not finite: there is no model to test."""

    seed: int
    epoch: int


@dataclass(frozen=True)
class Failed:
    """A retrain that raised, or whose worker died."""

    seed: int
    error: str


@dataclass(frozen=True, eq=False)
class Retrained:
    """A retrained model, and how it did on the test images."""

    seed: int
    epochs: int
    train_images: int
    split_digest: str
    classes: list[str]
    paths: list[str]
    """`class/image.jpg` of each test image."""
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    """(test images, classes)"""
    loss: float | None
    accuracy: float
    mean_class_accuracy: float
    """Mean over classes of the share of the class's images classified correctly; classes without images left out."""
    versions: dict[str, str]
    state: dict[str, npt.NDArray[np.float32]]
    """The model's parameters and buffers."""
    precision: str = "fp32"
    """The arithmetic that it was trained and tested in: fp32 or bf16."""


@dataclass(frozen=True)
class Paused:
    """A retrain that was asked to end before its last epoch; what it has done is kept."""

    seed: int
    epoch: int


RetrainEnd = Retrained | Diverged | Failed


def retrain(
    recipe: Recipe,
    epochs: int,
    seed: int,
    device: str,
    threads: int,
    checkpoint: str | None = None,
    checkpoint_seconds: float | None = None,
    alike: Mapping[str, Any] | None = None,
    gpus: float = 1.0,
) -> Iterator[int | Retrained | Diverged | Paused]:
    """Train on train + validation for exactly `epochs` epochs and test: yields 0 at first, each epoch done, then the end.

    Args:
        recipe: the winner's; `seed` takes the place of its seed.
        epochs: at least 1.
        device: "cpu" or "cuda".
        threads: to compute with on a CPU.
        checkpoint: place of the state to go on from, if it is there, and to keep it in. A file beside it, of
            `stop_file`, asks for a pause.
        checkpoint_seconds: least time between two; None: none are taken.
        alike: as in `refuse_unlike`.
        gpus: that it has, as in `open_session`.

    Raises:
        UnlikeMachineError: this is not the machine to retrain on.
        InputError: the checkpoint cannot be read.
    """
    import torch  # in the worker alone: the driver does not compute

    from trainables.kept_state import load_state
    from trainables.precision import used_precision
    from trainables.session import open_session

    refuse_unlike(alike)
    yield 0  # it has a machine
    torch.set_num_threads(threads)
    session = open_session(replace(recipe, seed=seed), torch.device(device), gpu_share=gpus)
    data, learner = session.data, session.learner
    train = session.train_batches(data.splits.train_val)
    if checkpoint and exists(checkpoint):
        load_state(learner, checkpoint, "all trials are intact: drop it to retrain from the first epoch")
    asked_to_pause = Look(stop_file(checkpoint or ""))
    kept, kept_epoch = time.monotonic(), learner.epoch
    while learner.epoch < epochs:
        if checkpoint and asked_to_pause():
            if learner.epoch > kept_epoch:
                _keep(learner, checkpoint)
            yield Paused(seed, learner.epoch)
            return
        loss = learner.train_epoch(train).loss
        if loss is None:
            yield Diverged(seed, learner.epoch)
            return
        yield learner.epoch
        if checkpoint and checkpoint_seconds is not None and time.monotonic() - kept >= checkpoint_seconds:
            _keep(learner, checkpoint)
            kept, kept_epoch = time.monotonic(), learner.epoch
    predictions = learner.predict(session.eval_batches(data.splits.test))
    if predictions.evaluation.loss is None:  # the last step's update overflowed
        yield Diverged(seed, epochs)
        return
    yield Retrained(
        seed=seed,
        epochs=epochs,
        train_images=len(data.splits.train_val),
        split_digest=data.splits.digest,
        classes=data.classes,
        paths=[data.store.names[i] for i in data.splits.test],
        labels=predictions.labels,
        probabilities=predictions.probabilities,
        loss=predictions.evaluation.loss,
        accuracy=predictions.evaluation.accuracy,
        mean_class_accuracy=mean_class_accuracy(predictions.labels, predictions.probabilities.argmax(axis=1)),
        versions=versions(),
        state={
            name: tensor.cpu().contiguous().numpy() for name, tensor in learner.model.state_dict().items()
        },
        precision=used_precision(recipe.precision, torch.device(device)),
    )


class Look:
    """Whether a file is there; at S3 looked for once a second at most, since an epoch may take less than the answer.

    A look that fails sees nothing: the server may be away, and the retrain does not need it to go on.
    """

    def __init__(self, place: str):
        self._place, self._due = place, -math.inf

    def __call__(self) -> bool:
        """Look, if it is time to."""
        now = time.monotonic()
        if now < self._due:
            return False
        if is_s3(self._place):
            self._due = now + SECONDS_BETWEEN_LOOKS
        try:
            return exists(self._place, patient=False)
        except OSError:
            return False


def stop_file(checkpoint: str) -> str:
    """Return the place of the file whose being there asks a retrain to pause."""
    return under(parent(checkpoint), f"{basename(checkpoint)}.stop")


def _keep(learner: "Learner", place: str) -> None:
    import torch

    with written(place) as part:
        torch.save(learner.state_dict(), part)


def mean_class_accuracy(labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> float:
    """Return the mean over the classes that occur in `labels` of the share of their images predicted right."""
    return float(np.mean([np.mean(predicted[labels == label] == label) for label in np.unique(labels)]))
