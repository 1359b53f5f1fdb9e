"""What happens between a trial's failure and its next try, which Ray Tune starts from the trial's last checkpoint."""

import errno
from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from tuning.disk_full import says_disk_full
from tuning.failures import is_input_error, is_unlike_machine, last_failure, reason
from tuning.interrupts import Interrupts
from tuning.recorder import INDEX, error_text


class Retries(tune.Callback):
    """Tells of each failure that is not a trial's last, and breaks all off where a worker found the disk full.

    An InputError is tried again once, whatever the settings say: a file may have been on its way, but bad input stays
    bad. Where a machine differed from the driver's, the trial has not failed: as long as it may be tried again at all, that
    costs it no retry, and is told of once.
    """

    def __init__(self, say: Callable[[str], None], interrupts: Interrupts):
        self._say, self._interrupts = say, interrupts
        self._unlike: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing: a console is no state."""
        return {}

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Say why a trial is tried again; Ray calls `on_trial_error` at the last failure alone."""
        text = error_text(trial)
        if self._found_disk_full(text):
            return
        if is_unlike_machine(text):
            trial.run_metadata.num_failures -= 1
            if (why := reason(text)) not in self._unlike:
                self._unlike.add(why)
                self._say(f"trial {trial.config[INDEX]} is to run elsewhere: {why}")
            return
        if is_input_error(text):
            trial.max_failures = min(trial.max_failures, trial.num_failures)
        tries = f"retry {trial.num_failures} of at most {trial.max_failures}"
        self._say(f"trial {trial.config[INDEX]} failed and is tried again ({tries}): {reason(text)}")

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Look at a last failure, too."""
        self._found_disk_full(error_text(trial))

    def _found_disk_full(self, text: str) -> bool:
        found = says_disk_full(last_failure(text))
        if found:
            self._interrupts.break_off(OSError(errno.ENOSPC, reason(text)))
        return found
