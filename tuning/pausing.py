"""Trials that end an epoch, keep it and leave: all at an interrupt, some where other sweeps have a claim to the cluster."""

import math
from collections import Counter
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from trainables.metrics import GIVEN, TRAINING_ITERATION
from tuning.interrupts import Interrupts
from tuning.neighbours import Room
from tuning.ray_inside import let_go_of_idle_workers


class Pausing(FIFOScheduler):
    """Runs trials in their order; once an interrupt is requested, pauses each at its next epoch.

    Ray Tune takes a checkpoint of a trial that it pauses. A trial that has reported nothing since its last checkpoint,
    or only epochs that were given to it, is not waited for; nor is one that began after the interrupt, since Ray Tune
    gives the slot of each that pauses to the next that waits for one.

    Args:
        room: as many trials as are too many for it are paused at their next epoch, and go on when there is room again.
    """

    def __init__(self, interrupts: Interrupts, room: Room | None = None):
        super().__init__()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        self._interrupts, self._room = interrupts, room or Room()
        self._running: list[Trial] = []
        self._leaving: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles it with the experiment, nothing: handlers of signals are no state."""
        return {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Pause a trial that has an epoch to keep."""
        pause = not result.get(GIVEN) and (self._interrupts.requested or self._makes_room(trial))
        return str(TrialScheduler.PAUSE if pause else TrialScheduler.CONTINUE)

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Start nothing more once there is to be an end."""
        live: set[Trial] = tune_controller.get_live_trials()  # of thousands, those that have not ended
        self._count(live)
        if self._interrupts.requested or self._interrupts.broken:
            return None
        self._running = [trial for trial in live if trial.status == Trial.RUNNING]
        chosen = super().choose_trial_to_run(tune_controller)
        if chosen and chosen.status == Trial.PAUSED and not self._room.may_go_on:
            chosen = None
        if chosen is None and self._room.allowed < math.inf:
            let_go_of_idle_workers(tune_controller)
        return chosen

    def _makes_room(self, trial: Trial) -> bool:
        """Return whether a trial is the one to leave, there being too many; those that are leaving count no more."""
        if trial.status != Trial.RUNNING or trial.trial_id in self._leaving:
            return False
        running = sum(t.status == Trial.RUNNING and t.trial_id not in self._leaving for t in self._running)
        if running <= self._room.allowed:
            return False
        self._leaving.add(trial.trial_id)
        return True

    def _count(self, live: set[Trial]) -> None:
        """Tell the room how many trials there are."""
        by_status = Counter(trial.status for trial in live)
        self._leaving &= {trial.trial_id for trial in live if trial.status == Trial.RUNNING}
        self._room.running = by_status[Trial.RUNNING] - len(self._leaving)
        self._room.live = by_status[Trial.RUNNING] + by_status[Trial.PENDING] - len(self._leaving)
        self._room.paused = by_status[Trial.PAUSED] + len(self._leaving)

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
