"""The sweeps that share a cluster, known to each other by a named actor of Ray's, and what is left to each."""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from tuning.fair_share import Claim, fair_shares
from tuning.nodes import nodes

NAME, NAMESPACE = "sweeps", "upsweep"
SECONDS_BETWEEN = 2.0
SECONDS_UNTIL_FORGOTTEN = 30.0
"""After its last word, as when its driver was killed."""


@dataclass
class Room:
    """How many trials of a sweep may run at once, and how many do; `Pausing` and `PointSearch` keep to it."""

    most: int | None = None
    """None: as many as fit, there being no other sweep."""
    slots: int | None = None
    """How many fit, where others may come; None: any number may wait in Ray's queue, which only this sweep has."""
    live: int = 0
    """Trials that run, or are about to."""
    paused: int = 0
    """Trials that have made room for others', and go on before new ones begin."""

    @property
    def is_left(self) -> bool:
        """Whether a new trial may begin, or wait in Ray's queue: the first always may, and one more than fit.

        Others' trials would wait behind all that are in the queue; the one is there for a machine that joins.
        """
        if self.live + self.paused == 0:
            return True
        if self.most is None:
            return self.slots is None or self.live <= self.slots
        return self.paused == 0 and self.live < self.most

    @property
    def may_go_on(self) -> bool:
        """Whether a paused trial may."""
        return self.most is None or self.live < max(self.most, 1)


class Claims:
    """Who claims what; a Ray actor of the cluster, which outlives drivers."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[float, Claim]] = {}

    def claim(self, claim: Claim) -> list[Claim]:
        """Note what a sweep could use, and return all claims in the order in which the sweeps came."""
        now = time.monotonic()
        self._claims[claim.sweep] = now, claim
        self._claims = {
            sweep: (heard, of)
            for sweep, (heard, of) in self._claims.items()
            if now - heard < SECONDS_UNTIL_FORGOTTEN
        }
        return [of for _, of in self._claims.values()]

    def leave(self, sweep: str) -> None:
        """Forget a sweep that has ended."""
        self._claims.pop(sweep, None)


class Neighbour:
    """Keeps one sweep's claim, and its room by everybody's.

    Attributes:
        wants: trials that could run at once; set by whoever knows.
    """

    def __init__(self, cpus: int, gpus: float):
        self._claim = Claim(uuid.uuid4().hex, cpus, gpus, 1)
        self._stop = threading.Event()
        self.room, self.wants = Room(), 1

    def keep(self) -> None:
        """Claim again and again; what fails, as while the head is away, leaves the room as it was."""
        while not self._stop.wait(SECONDS_BETWEEN):
            with suppress(RayError, TimeoutError, ValueError):
                self.claim()

    def claim(self) -> None:
        """Say what is wanted, and take what is left.

        Raises:
            ray.exceptions.RayError: the cluster does not answer.
        """
        claim = replace(self._claim, wants=max(self.wants, 1))
        claims: list[Claim] = ray.get(_claims().claim.remote(claim), timeout=SECONDS_UNTIL_FORGOTTEN / 3)
        there = nodes()
        self.room.slots = sum(node.fits(claim.cpus, claim.gpus) for node in there)
        shares = fair_shares([(one.cpus, one.gpus) for one in there], claims)
        self.room.most = shares[claim.sweep] if len(claims) > 1 else None

    def leave(self) -> None:
        """Give all back."""
        self._stop.set()
        with suppress(RayError, TimeoutError, ValueError):
            ray.get(_claims().leave.remote(self._claim.sweep), timeout=SECONDS_UNTIL_FORGOTTEN / 3)


@contextmanager
def neighbour(cpus: int, gpus: float, shared: bool) -> Iterator[Neighbour]:
    """Let a sweep share the cluster, as long as the context lasts.

    Args:
        cpus, gpus: of a trial.
        shared: whether others may use the cluster; otherwise there is room for as many trials as fit.
    """
    one = Neighbour(cpus, gpus)
    if not shared:
        yield one
        return
    with suppress(RayError, TimeoutError, ValueError):
        one.claim()
    thread = threading.Thread(target=one.keep, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.leave()
        thread.join()


def _claims() -> Any:
    """Return the actor, made if there is none: on this machine if it can be, since a head goes last."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    actor: Any = ray.remote(Claims)
    return actor.options(
        name=NAME,
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        max_restarts=-1,
        scheduling_strategy=here,
    ).remote()
