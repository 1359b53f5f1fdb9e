"""What a sweep that is killed leaves for its resume: every trial that has ended, and the checkpoints of those that have not.

Rows of a trial that runs are in its checkpoint, beside the state they led to, so the two can never disagree.
"""

import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from pyarrow.fs import LocalFileSystem
from ray import tune
from ray.tune.experiment import Trial

from data_utils.errors import InputError
from data_utils.file_access import PART, matching, size
from data_utils.places import is_s3, parent, shown, under
from data_utils.sealed_json import read_sealed, sealed
from trainables.classifier import CHECKPOINT, RESULTS
from tuning.files import aside, drop
from tuning.frames import RAY_FOLDER, RESUMED
from tuning.interrupts import Interrupts
from tuning.recorder import INDEX, Recorder
from tuning.records import EpochRow, Worker
from tuning.remains import JOURNAL
from tuning.sharing import Inheritance
from tuning.space import TrialSpec

FOLDER = JOURNAL


class Journal(tune.Callback):
    """Writes each trial down when it ends, whole, so that a resume need not run it again."""

    def __init__(self, folder: Path, recorder: Recorder, interrupts: Interrupts):
        self._folder, self._recorder, self._interrupts = folder / FOLDER, recorder, interrupts
        self._flushing = ThreadPoolExecutor(1, "flush")

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing: all of it is the recorder's."""
        return {}

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Write a trial's rows; one that failed is left out, since a resume tries it again."""
        index = trial.config[INDEX]
        ended, names = self._recorder.trial(index), [one.name for one in fields(EpochRow)]
        entry = {
            "epochs": [{name: getattr(row, name) for name in names} for row in self._recorder.of(index)],
            "worker": None if ended.host is None else {"host": ended.host, "device": ended.device},
            "profile": dict(ended.profile),
        }
        self._write(_entry(self._folder, index), entry)
        # Its checkpoints go, and a mark of none would hold up a resume.
        if (mark := _mark(self._folder, index)).exists():
            with suppress(OSError):  # which Ray would take for a failure of the trial
                drop(self._folder, mark.name)

    def on_checkpoint(
        self, iteration: int, trials: list[Trial], trial: Trial, checkpoint: tune.Checkpoint, **info: Any
    ) -> None:
        """Write down that a checkpoint is whole; Ray drops the one before it after this.

        Ray leaves it to the system when to put it on the disk; a machine that loses its power before has neither. So that
        is asked for at once, where no trial waits for it.
        """
        if isinstance(checkpoint.filesystem, LocalFileSystem):
            self._flushing.submit(_flush, Path(checkpoint.path))
        index = trial.config[INDEX]
        self._write(_mark(self._folder, index), {"epochs": len(self._recorder.of(index))})

    def _write(self, path: Path, entry: dict[str, Any]) -> None:
        try:
            path.parent.mkdir(exist_ok=True)
            with aside(path) as part:
                part.write_text(sealed(entry), encoding="utf-8")
        except OSError as error:  # Ray would pass over it, or try the trial again
            self._interrupts.break_off(error)


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
        results = [
            found
            for pattern in checkpoint_patterns(spec.index)
            for found in matching(place or str(folder), f"{pattern}/{RESULTS}")
        ]
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


def checkpoint_patterns(index: int | None = None) -> tuple[str, str]:
    """Return globs of the folders of a trial's checkpoints, or of all trials', of the first attempt and of those after."""
    name = f"trial_{'*' if index is None else f'{index:05d}'}/checkpoint_*"
    return f"{RAY_FOLDER}/{name}", f"{RAY_FOLDER}/{RESUMED}*/{name}"


def drop_journal(folder: Path) -> None:
    """Remove the journal of a sweep that has ended well: at once, so that a kill never leaves a part of it."""
    part = folder / f".{FOLDER}{PART}"
    (folder / FOLDER).rename(part)
    drop(folder, FOLDER)  # where it is mirrored
    shutil.rmtree(part)


def _flush(checkpoint: Path) -> None:
    with suppress(OSError):  # as when the next one has taken its place
        for path in (*checkpoint.iterdir(), checkpoint):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


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
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return 0
    except OSError as error:
        if is_s3(results):  # which is out of reach
            raise
        raise InputError(
            shown(results), [f"cannot be read ({error}); make it readable, or drop its folder"]
        ) from error
