"""What happens between a trial's failure and its next try, which Ray Tune starts from the trial's last checkpoint."""

from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from tuning.failures import is_input_error, reason
from tuning.recorder import INDEX, error_text


class Retries(tune.Callback):
    """Tells of each failure that is not a trial's last.

    An InputError is tried again once, whatever the settings say: a file may have been on its way, but bad input stays
    bad.
    """

    def __init__(self, say: Callable[[str], None]):
        self._say = say

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing: a console is no state."""
        return {}

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Say why a trial is tried again; Ray calls `on_trial_error` at the last failure alone."""
        text = error_text(trial)
        if is_input_error(text):
            trial.max_failures = min(trial.max_failures, trial.num_failures)
        tries = f"retry {trial.num_failures} of at most {trial.max_failures}"
        self._say(f"trial {trial.config[INDEX]} failed and is tried again ({tries}): {reason(text)}")
