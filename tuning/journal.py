"""What a sweep that is killed leaves for its resume: every trial that has ended, and the checkpoints of those that have not.

Rows of a trial that runs are in its checkpoint, beside the state they led to, so the two can never disagree.
"""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from data_utils.errors import InputError
from data_utils.places import matching, parent, size, under
from data_utils.sealed_json import read_sealed, sealed
from trainables.classifier import CHECKPOINT, RESULTS
from tuning.files import aside
from tuning.frames import RAY_FOLDER, RESUMED
from tuning.recorder import INDEX, Recorder
from tuning.records import EpochRow, Worker
from tuning.sharing import Inheritance
from tuning.space import TrialSpec

FOLDER = "journal"
"""Within a sweep's folder, until it has ended well."""


class Journal(tune.Callback):
    """Writes each trial down when it ends, whole, so that a resume need not run it again."""

    def __init__(self, folder: Path, recorder: Recorder):
        self._folder, self._recorder = folder / FOLDER, recorder

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing: all of it is the recorder's."""
        return {}

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Write a trial's rows; one that failed is left out, since a resume tries it again."""
        index = trial.config[INDEX]
        row = self._recorder.trial(index)
        entry = {
            "epochs": [asdict(epoch) for epoch in self._recorder.of(index)],
            "worker": None if row.host is None else {"host": row.host, "device": row.device},
            "profile": dict(row.profile),
        }
        self._write(_entry(self._folder, index), entry)

    def on_checkpoint(
        self, iteration: int, trials: list[Trial], trial: Trial, checkpoint: tune.Checkpoint, **info: Any
    ) -> None:
        """Write down that a checkpoint is whole; Ray drops the one before it after this."""
        index = trial.config[INDEX]
        self._write(_mark(self._folder, index), {"epochs": len(self._recorder.of(index))})

    def _write(self, path: Path, entry: dict[str, Any]) -> None:
        path.parent.mkdir(exist_ok=True)
        with aside(path) as part:
            part.write_text(sealed(entry), encoding="utf-8")


def restore(folder: Path, trials: Iterable[TrialSpec], recorder: Recorder) -> None:
    """Tell the recorder of every trial that the journal in a sweep's folder knows to have ended.

    Raises:
        InputError: an entry that cannot be read.
    """
    for spec in trials:
        path = _entry(folder / FOLDER, spec.index)
        try:
            entry = read_sealed(path)
            epochs = [EpochRow(**row) for row in entry["epochs"]]
            worker = Worker(**entry["worker"]) if entry["worker"] else None
            profile = {str(name): float(seconds) for name, seconds in entry["profile"].items()}
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            problem = f"cannot be read ({error}); the other trials are intact: drop this file to run its trial again"
            raise InputError(str(path), [problem]) from error
        recorder.restore(spec.index, epochs, worker, profile)


def checkpoints(
    folder: Path, trials: Iterable[TrialSpec], place: str | None = None
) -> dict[int, Inheritance]:
    """Return {trial: its newest whole checkpoint}, of every attempt so far; trials without any are left out.

    One that is not whole and that the journal does not know was cut short by a kill, and counts for nothing.

    Args:
        place: where Ray's folder is; by default in the sweep's.

    Raises:
        InputError: a checkpoint that the journal knows is not there, or not whole.
    """
    found, problems = {}, []
    for spec in trials:
        name = f"trial_{spec.index:05d}/checkpoint_*/{RESULTS}"
        attempts = (f"{RAY_FOLDER}/{name}", f"{RAY_FOLDER}/{RESUMED}*/{name}")
        results = [found for one in attempts for found in matching(place or str(folder), one)]
        whole = [(epochs, found) for found in results if (epochs := _epochs_of_whole(found))]
        epochs, path = max(whole, default=(0, None))
        known = _known(folder / FOLDER, spec.index)
        if known > epochs:
            problems.append(
                f"the checkpoint of trial {spec.index} at epoch {known} is gone or cut short; all trials that have ended "
                f"are intact, and this one can go on from epoch {epochs}: drop {_mark(folder / FOLDER, spec.index)}"
            )
        elif path is not None:
            found[spec.index] = Inheritance(path, under(parent(path), CHECKPOINT))
    if problems:
        raise InputError(str(folder), problems)
    return found


def _entry(folder: Path, index: int) -> Path:
    return folder / f"trial_{index:05d}.json"


def _mark(folder: Path, index: int) -> Path:
    return folder / f"checkpoint_{index:05d}.json"


def _known(folder: Path, index: int) -> int:
    """Return the epochs of the last checkpoint that was written down; 0 for none."""
    path = _mark(folder, index)
    try:
        return int(read_sealed(path)["epochs"])
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = f"cannot be read ({error}); drop it to go on from whatever checkpoint is whole"
        raise InputError(str(path), [problem]) from error


def _epochs_of_whole(results: str) -> int:
    """Return the epochs of a checkpoint, or 0 if it is not whole."""
    try:
        entry = read_sealed(results)
        whole = size(under(parent(results), CHECKPOINT)) == entry["bytes"]
        return len(entry["results"]) if whole else 0
    except (OSError, ValueError, TypeError, KeyError):
        return 0
