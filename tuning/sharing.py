"""Trials that train the same at first: an epoch that several share is computed by one of them, and told by all.

A trial that shares epochs with an earlier one waits until that one has trained them. It then reports the same rows, and
goes on from the state in which the other left the last of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from data_utils.file_access import exists, write_bytes
from data_utils.places import is_s3, under
from data_utils.sealed_json import sealed
from trainables.recipe import Recipe
from trainables.schedule import stepped_lr
from tuning.config import StopSettings
from tuning.recorder import Recorder
from tuning.records import stop_reason
from tuning.remains import SHARED
from tuning.space import TrialSpec

FOLDER = SHARED


@dataclass(frozen=True)
class Fork:
    """Where a trial leaves the one that it shares its first epochs with."""

    parent: int
    """The earlier trial."""
    epochs: int
    """Epochs they share, at most all."""


@dataclass
class _Node:
    """An epoch in the tree of all schedules."""

    trial: int
    """The first trial that trains it, which computes it."""
    following: dict[float, "_Node"] = field(default_factory=dict)
    """{learning rate of the epoch after: that epoch}"""


def forks(trials: Iterable[TrialSpec], max_epochs: int) -> dict[int, Fork]:
    """Return {trial: fork} for every trial whose first epoch an earlier one trains as well.

    Two trials train alike as long as their learning rates agree, if all else is equal: their schedules are paths in a
    tree, of which each node is computed once.
    """
    roots: dict[str, _Node] = {}
    found: dict[int, Fork] = {}
    for spec in trials:
        recipe = spec.recipe
        rates = [
            stepped_lr(epoch, recipe.lr, recipe.step_size, recipe.gamma) for epoch in range(1, max_epochs + 1)
        ]
        node = roots.setdefault(_but_for_schedule(recipe), _Node(spec.index))
        shared = 0
        while shared < max_epochs and rates[shared] in node.following:
            node = node.following[rates[shared]]
            shared += 1
        if shared:
            found[spec.index] = Fork(node.trial, shared)
        for rate in rates[shared:]:
            node.following[rate] = node = _Node(spec.index)
    return found


class Inheritance(NamedTuple):
    """Places of files with the first epochs of a trial, which it need not compute."""

    rows: str
    """Their results."""
    state: str | None
    """The learner's state after them; None: the trial ends with them."""


class Sharing:
    """What a sweep's trials leave to each other, and to themselves after a fault.

    Args:
        place: of the sweep; every worker can read and write there.
        recorder: told of every epoch.
        own: what trials have of themselves, from an attempt before this one.
    """

    def __init__(
        self,
        forks: Mapping[int, Fork],
        recorder: Recorder,
        stop: StopSettings,
        max_epochs: int,
        place: str | Path,
        own: Mapping[int, Inheritance] | None = None,
    ):
        self._own = own or {}
        self._forks, self._recorder, self._stop, self._max_epochs = forks, recorder, stop, max_epochs
        self._place = under(str(place), FOLDER)
        self.is_at_s3 = is_s3(self._place)

    def states(self, index: int) -> dict[str, str]:
        """Return {epoch: place} of the states that a trial has to leave."""
        at = {f.epochs for f in self._forks.values() if f.parent == index and f.epochs < self._max_epochs}
        return {str(epoch): self._state(Fork(index, epoch)) for epoch in sorted(at)}

    def may_start(self, index: int) -> bool:
        """Return whether all that a trial shares is there, or will never be."""
        fork = self._forks.get(index)
        return (
            index in self._own
            or fork is None
            or self._recorder.has_ended(fork.parent)
            or self._is_trained(fork)
        )

    def inherited(self, index: int) -> Inheritance | None:
        """Write down what a trial that may start need not compute, and return where.

        None if it starts at its first epoch: it shares nothing, or the other failed before it had trained it.
        """
        if index in self._own:
            return self._own[index]
        fork = self._forks.get(index)
        if fork is None:
            return None
        rows = self._recorder.of(fork.parent)[: fork.epochs]
        state = self._state(fork)
        trained = self._is_trained(fork)
        ends = (trained and fork.epochs == self._max_epochs) or stop_reason(self._stop, rows) is not None
        if not ends and not (trained and exists(state)):
            return None
        results = [self._recorder.result(row) for row in rows]
        place = under(self._place, f"rows_{index:05d}.json")
        write_bytes(place, sealed({"results": results}).encode())
        return Inheritance(place, None if ends else state)

    def _is_trained(self, fork: Fork) -> bool:
        return len(self._recorder.of(fork.parent)) >= fork.epochs

    def _state(self, fork: Fork) -> str:
        return under(self._place, f"trial_{fork.parent:05d}_epoch_{fork.epochs:05d}.pt")


def _but_for_schedule(recipe: Recipe) -> str:
    return repr(replace(recipe, lr=0.0, step_size=1, gamma=1.0))
