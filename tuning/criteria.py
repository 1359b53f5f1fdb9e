"""When to stop, as pure functions of the values seen; after Prechelt, "Early Stopping - But When?" (1998).

A criterion holds only its parameters. `start()` gives a state, `update(value, state)` the next one, `done(state)` says
whether it has fired, and `message(state)` why. States are immutable, so a replayed epoch goes on from an earlier one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, TypeVar

Value = float | None
"""A metric's value at an epoch; None, NaN and the infinities are all "not finite"."""

State = TypeVar("State")


class Criterion(Protocol, Generic[State]):
    """A stop rule over one metric."""

    def start(self) -> State:
        """Return the state before any epoch."""

    def update(self, value: Value, state: State) -> State:
        """Return the state after one more epoch."""

    def done(self, state: State) -> bool:
        """Return whether the rule has fired."""

    def message(self, state: State) -> str:
        """Return why it fired."""


def finite(value: Value) -> bool:
    """Return whether a value is a number that comparisons mean something for: the one place that decides."""
    return value is not None and math.isfinite(value)


@dataclass(frozen=True)
class UpState:
    """What `Up` remembers."""

    epoch: int = 0
    """Epochs seen (Prechelt's t)."""
    reference: float | None = None
    """The last finite value at a strip's end; None before there was one."""
    rises: int = 0
    """Successive strips, up to the last end, that made no progress."""
    since: Value = None
    """The value at the end of the last strip that did make progress, for the message."""
    last: Value = None
    """The value at the last strip's end."""


@dataclass(frozen=True)
class Up:
    """UP_s with strips of k epochs: fires after s successive strips whose error rose.

    Compared are the values at strip ends, epochs k, 2k, 3k, ..., each with the end before; the first comparison is at
    2k. A value that is not finite is never progress and never what later values are compared with: after one, the
    last finite end is still the reference, and without one there is no progress either.

    Args:
        strip_length: Prechelt's k, epochs a strip, at least 1.
        successive: Prechelt's s, at least 1.
        mode: "max" for a metric that is better higher, "min" for an error or a loss.
        ties: whether an equal value counts as no progress ("stop", as the paper runs it) or breaks the run of rising
            strips ("reset", Prechelt's strict rule).
    """

    strip_length: int = 5
    successive: int = 5
    mode: Literal["max", "min"] = "max"
    ties: Literal["stop", "reset"] = "stop"

    def __post_init__(self) -> None:
        for name in ("strip_length", "successive"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1 but got {value}")
        for name, allowed in (("mode", ("max", "min")), ("ties", ("stop", "reset"))):
            if (value := getattr(self, name)) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)} but got {value!r}")

    def start(self) -> UpState:
        """Return the state before any epoch."""
        return UpState()

    def update(self, value: Value, state: UpState) -> UpState:
        """Return the state after one more epoch; only a strip's end changes more than the count."""
        state = replace(state, epoch=state.epoch + 1)
        if state.epoch % self.strip_length:
            return state
        if state.epoch == self.strip_length:  # the first end has nothing to be compared with
            return replace(state, reference=value if finite(value) else None, since=value, last=value)
        if value is None or not finite(value):
            return replace(state, rises=state.rises + 1, last=value)
        if self._progress(value, state.reference):
            return replace(state, reference=value, rises=0, since=value, last=value)
        return replace(state, reference=value, rises=state.rises + 1, last=value)

    def done(self, state: UpState) -> bool:
        """Return whether s successive strips have risen."""
        return state.rises >= self.successive

    def message(self, state: UpState) -> str:
        """Return the rule, the values and the epoch."""
        return (
            f"UP: no progress at {state.rises} successive strip ends (every {self.strip_length} epochs), "
            f"from {_shown(state.since)} to {_shown(state.last)} at epoch {state.epoch}"
        )

    def _progress(self, value: float, reference: float | None) -> bool:
        if reference is None:
            return False
        if value == reference:
            return self.ties == "reset"
        return value > reference if self.mode == "max" else value < reference


@dataclass(frozen=True)
class NonFiniteState:
    """What `NonFinite` remembers."""

    epoch: int = 0
    """Epochs seen."""
    first: int | None = None
    """The first epoch whose value was not finite."""


@dataclass(frozen=True)
class NonFinite:
    """Fires at the first value that is NaN, infinite, or absent."""

    def start(self) -> NonFiniteState:
        """Return the state before any epoch."""
        return NonFiniteState()

    def update(self, value: Value, state: NonFiniteState) -> NonFiniteState:
        """Return the state after one more epoch."""
        epoch = state.epoch + 1
        first = epoch if state.first is None and not finite(value) else state.first
        return NonFiniteState(epoch, first)

    def done(self, state: NonFiniteState) -> bool:
        """Return whether any value was not finite."""
        return state.first is not None

    def message(self, state: NonFiniteState) -> str:
        """Return the rule and the epoch."""
        return f"not finite at epoch {state.first}"


def stopping_epoch(criterion: Criterion[State], values: Iterable[Value]) -> int | None:
    """Return the epoch, counted from 1, at which a criterion fires on a recorded curve, or None if it never does."""
    state = criterion.start()
    for epoch, value in enumerate(values, start=1):
        state = criterion.update(value, state)
        if criterion.done(state):
            return epoch
    return None


def _shown(value: Value) -> str:
    return "a value that is not finite" if value is None or not finite(value) else f"{value:.4g}"
