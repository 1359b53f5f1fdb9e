"""The tables of a sweep that is still running."""

import time
from pathlib import Path
from typing import Any

from ray import tune

from tuning.recorder import Recorder
from tuning.results import write_epochs, write_trials

SECONDS_BETWEEN = 10.0
SHARE = 0.02
"""Of the driver's time that writing may take, however many rows there are."""


class LiveTables(tune.Callback):
    """Writes the epochs so far, and the trials that have ended, every few seconds, for whoever reads along."""

    def __init__(self, folder: Path, recorder: Recorder):
        self._folder, self._recorder = folder, recorder
        self._due = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing: all of it is the recorder's."""
        return {}

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Write, if it is time to."""
        start = time.monotonic()
        if start < self._due or not self._recorder.epochs:
            return
        write_epochs(self._folder, self._recorder.epochs)
        write_trials(self._folder, self._recorder.ended())
        end = time.monotonic()
        self._due = end + max(SECONDS_BETWEEN, (end - start) / SHARE)
