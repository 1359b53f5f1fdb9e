"""The sweeps that share a cluster, known to each other by a named actor of Ray's, and what is left to each."""

import logging
import math
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, replace
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from data_utils.errors import first_line
from tuning.fair_share import Claim, fair_shares
from tuning.nodes import nodes

logger = logging.getLogger(__name__)

Plain = tuple[str, int, float, int, bool]
"""The fields of a `Claim`: sweeps whose code differs, as by `--code`, may not know each other's classes."""

NAME, NAMESPACE = "sweeps", "upsweep"
SECONDS_BETWEEN = 2.0
SECONDS_UNTIL_FORGOTTEN = 30.0
"""After its last word, as when its driver was killed."""
SECONDS_UNTIL_STARVED = 30.0
"""For which a sweep has a share and nothing of it runs, and the others no more than theirs: then what is free is in pieces."""
SECONDS_OF_YIELDING = 60.0
"""For which the others, when nothing of theirs runs, then keep out; if that does not help, they are not what is in the way."""
SECONDS_BETWEEN_YIELDING = 600.0
"""From an end of that to the next; so two that starve cannot have the others come and go all the time."""


@dataclass
class Room:
    """How many trials of a sweep may run at once, and how many do; `Pausing` and `PointSearch` keep to it."""

    most: int | None = None
    """None: as many as fit, there being no other sweep."""
    slots: int | None = None
    """How many fit, where others may come; None: any number may wait in Ray's queue, which only this sweep has."""
    yields: bool = False
    """Whether all trials are to make room, for another sweep's that fits in no piece of what is free."""
    live: int = 0
    """Trials that run, or are about to."""
    running: int = 0
    """Those of them that run."""
    paused: int = 0
    """Trials that have made room for others', and go on before new ones begin."""

    @property
    def is_left(self) -> bool:
        """Whether a new trial may begin, or wait in Ray's queue: the first always may, and one more than fit.

        Others' trials would wait behind all that are in the queue; the one is there for a machine that joins.
        """
        if self.live + self.paused == 0:
            return True
        if self.paused or self.yields:
            return False
        if self.most is None:
            return self.slots is None or self.live <= self.slots
        return self.live < self.most

    @property
    def may_go_on(self) -> bool:
        """Whether a paused trial may."""
        return self.live < self.allowed

    @property
    def allowed(self) -> float:
        """How many trials may run at once: one at least, but while all make room."""
        if self.yields:
            return 0
        return math.inf if self.most is None else max(self.most, 1)


class Claims:
    """Who claims what; a Ray actor of the cluster, which outlives drivers."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[float, Plain]] = {}

    def claim(self, sweep: str, cpus: int, gpus: float, wants: int, starved: bool = False) -> list[Plain]:
        """Note what a sweep could use, and return all claims in the order in which the sweeps came."""
        now = time.monotonic()
        self._claims[sweep] = now, (sweep, cpus, gpus, wants, starved)
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
        waits: whether work that is no trial waits for a machine; likewise.
    """

    def __init__(self, cpus: int, gpus: float):
        self._claim = Claim(uuid.uuid4().hex, cpus, gpus, 1)
        self._stop, self._thread = threading.Event(), threading.Thread(target=self._keep, daemon=True)
        self._failing = False
        self._waiting, self._yielding = _Since(), Yielding()
        self.room, self.wants, self.waits = Room(), 1, False

    def come(self) -> None:
        """Claim, and go on to from a thread until `leave`."""
        self.claim()
        self._thread.start()

    def leave(self) -> None:
        """Give all back."""
        self._stop.set()
        self._thread.join()  # or it might claim once more
        with suppress(Exception):  # a sweep that is not heard of is forgotten
            ray.get(_claims().leave.remote(self._claim.sweep), timeout=SECONDS_UNTIL_FORGOTTEN / 3)

    def claim(self) -> None:
        """Say what is wanted, and take what is left; what fails, as while the head is away, leaves the room as it was."""
        try:
            self._claim_room()
            self._failing = False
        except Exception as error:  # the actor may run anybody's code
            if not self._failing:
                logger.warning("the cluster's other sweeps cannot be asked for room: %s", first_line(error))
            self._failing = True

    def _keep(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN):
            self.claim()

    def _claim_room(self) -> None:
        claim = replace(self._claim, wants=max(self.wants, 1), starved=self._is_starved())
        answer = ray.get(_claims().claim.remote(*astuple(claim)), timeout=SECONDS_UNTIL_FORGOTTEN / 3)
        claims = [Claim(*one) for one in answer]
        there = nodes()
        self.room.slots = sum(node.fits(claim.cpus, claim.gpus) for node in there)
        shares = fair_shares([(one.cpus, one.gpus) for one in there], claims)
        self.room.most = most = shares[claim.sweep] if len(claims) > 1 else None
        others = any(one.starved for one in claims if one.sweep != claim.sweep)
        self.room.yields = self._yielding.decide(time.monotonic(), others, most, self.room.running)

    def _is_starved(self) -> bool:
        waits = self.waits or (self.room.live > 0 and self.room.running == 0)
        seconds = self._waiting.seconds(time.monotonic(), bool(waits and self.room.most))
        return seconds >= SECONDS_UNTIL_STARVED


class Yielding:
    """Whether a sweep makes all its room for one that is starved: until nothing of it runs, and a while on."""

    def __init__(self) -> None:
        self._content, self._empty = _Since(), _Since()
        self._yields, self._not_before = False, 0.0

    def decide(self, now: float, others_starve: bool, share: int | None, running: int) -> bool:
        """Return it for this second.

        Args:
            share: of the sweep; None: there is no other sweep.
            running: trials of it that run.
        """
        content = self._content.seconds(now, share is not None and 0 < running <= max(share, 1))
        empty = self._empty.seconds(now, self._yields and running == 0)
        if self._yields and (not others_starve or share is None or empty >= SECONDS_OF_YIELDING):
            self._yields, self._not_before = False, now + SECONDS_BETWEEN_YIELDING
        elif others_starve and content >= SECONDS_UNTIL_STARVED and now >= self._not_before:
            self._yields = True
        return self._yields


class _Since:
    """For how long something has been so."""

    def __init__(self) -> None:
        self._began: float | None = None

    def seconds(self, now: float, so: bool) -> float:
        """Note whether it is so now, and return for how many seconds it has been."""
        self._began = (now if self._began is None else self._began) if so else None
        return 0.0 if self._began is None else now - self._began


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
    one.come()
    try:
        yield one
    finally:
        one.leave()


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
