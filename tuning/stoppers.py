"""The stop rules as a Ray Tune stopper: a thin shell that keeps, for every trial, the states of pure criteria."""

from collections.abc import Sequence
from typing import Any, Literal

from ray import tune

from trainables.metrics import DIVERGED, TRAINING_ITERATION
from tuning.criteria import Criterion, NonFinite, Up

_States = tuple[Any, ...]
_Values = tuple[float | None, ...]


class UpStopper(tune.Stopper):
    """Stops a trial by UP on one metric, and at a value that is not finite of some others.

    It works with any Ray Tune trainable. Epochs are Ray's `training_iteration`, so an epoch seen again after a retry
    or a restore replaces what was seen before, and drops what came after it. All criteria see every epoch before any
    is asked. One stopper holds them all since Ray's `CombinedStopper` hides epochs from those after the first to fire.

    Args:
        metric, mode, strip_length, successive, ties: of `Up`; `successive=None` leaves UP out.
        non_finite: metrics that stop the trial when they are NaN, infinite or None. A result whose `diverged` is true
            counts as such, since NaN itself should never be reported: it poisons Ray's minima and maxima. A result
            without one of these metrics passes.
    """

    def __init__(
        self,
        metric: str = "val_accuracy",
        mode: Literal["max", "min"] = "max",
        strip_length: int = 5,
        successive: int | None = 5,
        ties: Literal["stop", "reset"] = "stop",
        non_finite: Sequence[str] = ("train_loss",),
    ):
        up = [] if successive is None else [(metric, Up(strip_length, successive, mode, ties))]
        self._watches: list[tuple[str, Criterion[Any]]] = [*((name, NonFinite()) for name in non_finite), *up]
        self._up_metric = metric if up else None
        # Every epoch's values and the last epoch's states: Ray pickles them with each snapshot of the experiment.
        self._values: dict[str, list[_Values]] = {}
        self._states: dict[str, _States] = {}

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Take in an epoch and return whether the trial should stop.

        Raises:
            ValueError: the result lacks the UP metric, or epochs before it were never seen.
        """
        epoch: int = result[TRAINING_ITERATION]
        diverged = bool(result.get(DIVERGED))
        if self._up_metric and not diverged and self._up_metric not in result:
            raise ValueError(
                f"trial {trial_id} reported no {self._up_metric!r} at epoch {epoch}; the UP rule needs it"
            )
        seen = self._values.setdefault(trial_id, [])
        if epoch > len(seen) + 1:
            raise ValueError(
                f"trial {trial_id} reported epoch {epoch} after epoch {len(seen)}; "
                f"the UP rule needs every epoch: restore the stopper with the trial"
            )
        if epoch <= len(seen) or not seen:
            del seen[epoch - 1 :]
            self._states[trial_id] = self._replayed(seen)
        seen.append(tuple(_value(metric, result, diverged) for metric, _ in self._watches))
        self._states[trial_id] = self._after(seen[-1], self._states[trial_id])
        return self.reason(trial_id) is not None

    def stop_all(self) -> bool:
        """Return False: one trial's end is never the others'."""
        return False

    def reason(self, trial_id: str) -> str | None:
        """Return why a trial should stop, as of its last epoch, or None."""
        states = self._states.get(trial_id, ())
        for (metric, criterion), state in zip(self._watches, states, strict=False):
            if criterion.done(state):
                return f"{metric}: {criterion.message(state)}"
        return None

    def _after(self, values: _Values, states: _States) -> _States:
        """Return the states after one more epoch."""
        return tuple(
            criterion.update(value, state)
            for (_, criterion), value, state in zip(self._watches, values, states, strict=True)
        )

    def _replayed(self, seen: Sequence[_Values]) -> _States:
        """Return the states after these epochs."""
        states: _States = tuple(criterion.start() for _, criterion in self._watches)
        for values in seen:
            states = self._after(values, states)
        return states


def _value(metric: str, result: dict[str, Any], diverged: bool) -> float | None:
    """Return a metric's value; a missing one is as good as any finite one unless the epoch diverged."""
    return None if diverged else result.get(metric, 0.0)
