"""The end of a sweep's trials at an interrupt: each that has something to lose ends its epoch and keeps it."""

from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from trainables.metrics import GIVEN, TRAINING_ITERATION
from tuning.interrupts import Interrupts


class Pausing(FIFOScheduler):
    """Runs trials in their order; once an interrupt is requested, pauses each at its next epoch.

    Ray Tune takes a checkpoint of a trial that it pauses. A trial that has reported nothing since its last checkpoint,
    or only epochs that were given to it, is not waited for; nor is one that began after the interrupt, since Ray Tune
    gives the slot of each that pauses to the next that waits for one.
    """

    def __init__(self, interrupts: Interrupts):
        super().__init__()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        self._interrupts = interrupts
        self._running: list[Trial] = []

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles it with the experiment, nothing: handlers of signals are no state."""
        return {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Pause a trial that has an epoch to keep."""
        pause = self._interrupts.requested and not result.get(GIVEN)
        return str(TrialScheduler.PAUSE if pause else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Start nothing more once there is to be an end."""
        if self._interrupts.requested or self._interrupts.broken:
            return None
        live: set[Trial] = tune_controller.get_live_trials()  # of thousands, those that have not ended
        self._running = [trial for trial in live if trial.status == Trial.RUNNING]
        return super().choose_trial_to_run(tune_controller)

    @property
    def over(self) -> bool:
        """Whether an interrupt is requested, and no trial has anything to lose; or all must end as it is."""
        if self._interrupts.broken:
            return True
        return self._interrupts.requested and not any(map(_has_unsaved, self._running))


class Endable(tune.Stopper):
    """Another stopper, and the end of all trials once nothing is lost by it."""

    def __init__(self, stopper: tune.Stopper, pausing: Pausing):
        self._stopper, self._pausing = stopper, pausing

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles it with the experiment, the other stopper's state."""
        return {"_stopper": self._stopper}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Ask the other."""
        return bool(self._stopper(trial_id, result))

    def stop_all(self) -> bool:
        """Ask both."""
        return self._pausing.over or self._stopper.stop_all()


def _has_unsaved(trial: Trial) -> bool:
    """Return whether a running trial has reported an epoch that is in no checkpoint, or is writing one."""
    if trial.status != Trial.RUNNING:
        return False
    last, kept = trial.last_result or {}, trial.latest_checkpoint_result
    saved = kept.metrics.get(TRAINING_ITERATION, 0) if kept else 0
    return bool(trial.is_saving or (last.get(TRAINING_ITERATION, 0) > saved and not last.get(GIVEN)))
