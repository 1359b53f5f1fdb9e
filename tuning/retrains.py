"""What a sweep that is killed in its retrains leaves for its resume."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from data_utils.errors import InputError
from data_utils.places import under
from trainables.model_card import CARD, MODEL
from tuning.files import aside, drop, read_rows
from tuning.journal import FOLDER
from tuning.results import PREDICTIONS, TEST
from tuning.retrain import Retrained


class Retrains:
    """The retrains of one winner: those that have ended, and where the one under way keeps its state.

    Args:
        place: where workers can write; by default the sweep's folder.
    """

    def __init__(self, folder: Path, trial: int, epochs: int, place: str | None = None):
        self._trial, self._epochs = trial, epochs
        self._folder, self._name = folder, f"retrain_{trial:05d}_{epochs:05d}"
        self._place = place or str(folder)

    def drop_others(self) -> None:
        """Remove the test and the model of another winner, which a resume may leave behind: none is better than its.

        Raises:
            InputError: the table of the test cannot be read.
        """
        test = self._folder / TEST
        if test.exists():
            ours = (self._trial, self._epochs)
            try:
                rows = read_rows(test)
            except InputError as error:
                problem = f"{error.problems[0]}; drop it, and a resume writes it again"
                raise InputError(str(test), [problem]) from error
            if any((row.get("trial"), row.get("epochs")) != ours for row in rows):
                for name in (PREDICTIONS, MODEL, CARD, TEST):  # last what says that the others are to go
                    drop(self._folder, name)

    def state(self, seed: int) -> str:
        """Return the place that a retrain keeps its state in."""
        return under(self._place, FOLDER, self._state(seed))

    def keep(self, end: Retrained) -> None:
        """Write a retrain down, but for its model, which is written already."""
        arrays = ("labels", "probabilities", "state")
        plain = {f.name: getattr(end, f.name) for f in fields(end) if f.name not in arrays}
        with aside(self._file(end.seed)) as part, part.open("wb") as file:
            np.savez(
                file, plain=np.array(json.dumps(plain)), labels=end.labels, probabilities=end.probabilities
            )
        drop(self._folder, f"{FOLDER}/{self._state(end.seed)}*")  # and what may have asked it to pause

    def read(self, seed: int) -> Retrained | None:
        """Return a retrain that was written down, without its model, or None.

        Raises:
            InputError: it cannot be read.
        """
        path = self._file(seed)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                plain = json.loads(str(arrays["plain"]))
                return Retrained(
                    **plain, labels=arrays["labels"], probabilities=arrays["probabilities"], state={}
                )
        except FileNotFoundError:
            return None
        except Exception as error:  # a broken file makes NumPy raise nearly anything
            problem = f"cannot be read ({error}); all trials are intact: drop it to retrain with seed {seed}"
            raise InputError(str(path), [problem]) from error

    def _state(self, seed: int) -> str:
        return f"{self._name}_{seed}.pt"

    def _file(self, seed: int) -> Path:
        return self._folder / FOLDER / f"{self._name}_{seed}.npz"
