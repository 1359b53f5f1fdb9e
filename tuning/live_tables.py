"""The tables of a sweep that is still running."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune

from data_utils.errors import InputError
from tuning.files import read_rows
from tuning.recorder import Recorder
from tuning.records import EpochRow
from tuning.results import EPOCHS, write_epochs, write_trials

SECONDS_BETWEEN = 10.0
SHARE = 0.02
"""Of the driver's time that writing may take, however many rows there are."""


class LiveTables(tune.Callback):
    """Writes the epochs so far, and the trials that have ended, every few seconds, for whoever reads along.

    Args:
        warn: told of the first time that they cannot be written, which ends no sweep: those at its end hold everything.
    """

    def __init__(self, folder: Path, recorder: Recorder, warn: Callable[[str], None]):
        self._folder, self._recorder, self._warn = folder, recorder, warn
        self._due, self._warned = 0.0, False

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing: all of it is the recorder's."""
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Write, if it is time to."""
        start = time.monotonic()
        if start < self._due or not self._recorder.epochs:
            return
        try:
            write_epochs(self._folder, self._recorder.epochs)
            write_trials(self._folder, self._recorder.ended())
        except OSError as error:
            if not self._warned:
                self._warned = True
                self._warn(f"the tables so far cannot be written ({error}); the sweep goes on")
        end = time.monotonic()
        self._due = end + max(SECONDS_BETWEEN, (end - start) / SHARE)


def epochs_before(folder: Path) -> list[EpochRow]:
    """Return the epochs that an attempt before this one wrote; none if they cannot be read."""
    try:
        return [EpochRow(**row) for row in read_rows(folder / EPOCHS)]
    except (InputError, TypeError):  # not there yet, or another version's
        return []
