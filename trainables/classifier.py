"""The Ray Tune adapter of the learner: thin, so that training is the same with Ray and without."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray import tune

from data_utils.errors import InputError
from data_utils.file_access import written
from data_utils.places import parent, shown
from data_utils.sealed_json import read_sealed, sealed
from trainables.alike import UnlikeMachineError, refuse_unlike
from trainables.metrics import (
    DEVICE,
    GIVEN,
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
RESULTS = "results.json"
"""Beside it: the results up to the checkpoint, so that it is enough to go on from, and the bytes of a whole one."""

UNLIKE_SECONDS = 20.0
"""That a trial stays on a machine it may not train on: let go at once it would be sent there again, and not to a slot that gets free elsewhere."""

_REMEDY = (
    "all trials that have ended are intact: drop {}, and `upsweep resume` says from where this one can go on"
)


class ClassifierTrainable(tune.Trainable):
    """One trial: an epoch of training and a validation each step.

    Config: `recipe` (the fields of `Recipe`), `device` ("cpu" or "cuda"), `threads` to compute with on a CPU, `gpus` it has,
    `max_epochs`, and `checkpoint_seconds`, the least time between checkpoints (None: none are taken). On several machines:
    `alike` (the fields of `Alike`), what this one must have as the driver's has it. Where trials share
    epochs: `states`, {epoch: place} of the states to leave to others, and `shared`, the places of what another left to this
    one: `rows`, the results of the first epochs, and `state`, the learner's after them (None: the trial ends with them).
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Read the epochs that are given.

        Data and network come with the first step: Ray Tune tries again what fails there, but not what fails while a
        worker is given a further trial.
        """
        self._config = config
        self._max_epochs: int = config["max_epochs"]
        self._checkpoint_seconds: float | None = config["checkpoint_seconds"]
        self._seconds_start = self._seconds_checkpoint = 0.0
        shared = config.get("shared")
        self._given = _read_results(shared["rows"]) if shared else []
        self._results: list[dict[str, Any]] = []

    def _open(self) -> None:
        start = time.perf_counter()
        config = self._config
        import torch

        from trainables.session import open_session

        try:
            refuse_unlike(config.get("alike"))
        except UnlikeMachineError:
            time.sleep(UNLIKE_SECONDS)
            raise
        torch.set_num_threads(config["threads"])
        self._device = torch.device(config["device"])
        torch.cuda.empty_cache()  # or data would find the GPU's memory taken by what a trial before this one had
        session = open_session(Recipe(**config["recipe"]), self._device, gpu_share=config["gpus"])
        self._learner = session.learner
        self._train = session.train_batches(session.data.splits.train)
        self._val = session.eval_batches(session.data.splits.val)
        self._checkpointed = time.perf_counter()
        self._seconds_start = self._checkpointed - start

    def step(self) -> dict[str, Any]:
        """Return the next epoch's `EpochMetrics` with the device's name: one that is given, or trained and validated."""
        place = len(self._results)
        given = place < len(self._given)
        if given:
            result, checkpoint = self._given[place], False
        else:
            if not hasattr(self, "_learner"):
                self._open()
                if self._given:
                    self._load(self._config["shared"]["state"])
            result = self._train_and_validate()
            checkpoint = self._checkpoint_is_due()
        self._results.append(result)
        done = len(self._results) >= self._max_epochs
        return result | {"done": done, SHOULD_CHECKPOINT: checkpoint and not done, GIVEN: given}

    def _train_and_validate(self) -> dict[str, Any]:
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
        self._leave_state()
        return metrics.result() | times | {DEVICE: device_name(self._device)}

    def save(self, checkpoint_dir: str | None = None) -> Any:
        """Take a checkpoint as Ray Tune does, on the clock: its way to the storage may take longer than writing it."""
        with self._checkpointing():
            return super().save(checkpoint_dir)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the learner's state, and the results so far."""
        file = Path(checkpoint_dir, CHECKPOINT)
        self._save(file)
        entry = {"results": self._results, "bytes": file.stat().st_size}
        Path(checkpoint_dir, RESULTS).write_text(sealed(entry), encoding="utf-8")
        self._checkpointed = time.perf_counter()

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from a checkpoint folder; only tensors and plain values are read."""
        if not hasattr(self, "_learner"):
            self._open()
        self._load(str(Path(checkpoint, CHECKPOINT)))
        self._results = _read_results(str(Path(checkpoint, RESULTS)))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another trial's place, with everything built anew: nothing of the last trial is left."""
        for part in ("_learner", "_train", "_val"):  # or a GPU would have to hold two trials at once
            self.__dict__.pop(part, None)
        self.setup(new_config)
        return True

    def _leave_state(self) -> None:
        """Leave the state of this epoch to the trials that go on from it, if there are any."""
        if place := self._config.get("states", {}).get(str(self._learner.epoch)):
            with self._checkpointing(), written(place) as part:
                self._save(part)

    @contextmanager
    def _checkpointing(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds_checkpoint += time.perf_counter() - start

    def _save(self, file: Path) -> None:
        import torch

        torch.save(self._learner.state_dict(), file)

    def _load(self, place: str) -> None:
        from trainables.kept_state import load_state

        load_state(self._learner, place, _REMEDY.format(shown(parent(place))))

    def _checkpoint_is_due(self) -> bool:
        since = time.perf_counter() - self._checkpointed
        return self._checkpoint_seconds is not None and since >= self._checkpoint_seconds


def _read_results(place: str) -> list[dict[str, Any]]:
    try:
        results: list[dict[str, Any]] = read_sealed(place)["results"]
    # No other OSError: a server may answer the next try.
    except (FileNotFoundError, ValueError, KeyError) as error:
        problem = f"cannot be read ({error}); {_REMEDY.format(shown(parent(place)))}"
        raise InputError(shown(place), [problem]) from error
    return results
