"""What a sweep that is killed in its retrains leaves for its resume."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from data_utils.errors import InputError
from trainables.model_card import CARD, MODEL
from tuning.files import aside, read_rows
from tuning.journal import FOLDER
from tuning.results import PREDICTIONS, TEST
from tuning.retrain import Retrained, stop_file


class Retrains:
    """The retrains of one winner: those that have ended, and where the one under way keeps its state."""

    def __init__(self, folder: Path, trial: int, epochs: int):
        self._sweep, self._trial, self._epochs = folder, trial, epochs
        self._folder, self._name = folder / FOLDER, f"retrain_{trial:05d}_{epochs:05d}"

    def drop_others(self) -> None:
        """Remove the test and the model of another winner, which a resume may leave behind: none is better than its."""
        test = self._sweep / TEST
        if test.exists():
            ours = (self._trial, self._epochs)
            if any((row["trial"], row["epochs"]) != ours for row in read_rows(test)):
                for name in (TEST, PREDICTIONS, MODEL, CARD):
                    (self._sweep / name).unlink(missing_ok=True)

    def state(self, seed: int) -> str:
        """Return the file that a retrain keeps its state in."""
        self._folder.mkdir(exist_ok=True)
        return str(self._folder / f"{self._name}_{seed}.pt")

    def keep(self, end: Retrained) -> None:
        """Write a retrain down, but for its model, which is written already."""
        arrays = ("labels", "probabilities", "state")
        plain = {f.name: getattr(end, f.name) for f in fields(end) if f.name not in arrays}
        with aside(self._file(end.seed)) as part, part.open("wb") as file:
            np.savez(
                file, plain=np.array(json.dumps(plain)), labels=end.labels, probabilities=end.probabilities
            )
        state = Path(self.state(end.seed))
        for left in (state, stop_file(state)):
            left.unlink(missing_ok=True)

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

    def _file(self, seed: int) -> Path:
        return self._folder / f"{self._name}_{seed}.npz"
