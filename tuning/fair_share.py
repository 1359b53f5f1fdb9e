"""How many trials at once each of several sweeps may run on one cluster, so that none starves another.

Dominant resource fairness (Ghodsi et al., NSDI 2011): trials are given out one by one, the next to the sweep whose largest
share of any resource is least, to the one that came first of equals. What a sweep cannot use goes to the others.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ALMOST = 1e-9


@dataclass(frozen=True)
class Claim:
    """What a sweep could use now."""

    sweep: str
    """An id of its own."""
    cpus: int
    """CPU cores a trial."""
    gpus: float
    """GPUs a trial."""
    wants: int
    """Trials that it could run at once, were there nobody else."""
    starved: bool = False
    """Whether it has a share, and has long waited for a machine with enough of it free in one piece."""


@dataclass
class _Free:
    """What a machine has left."""

    cpus: int
    gpus: list[float]
    """Of each GPU, the part of it."""

    def take(self, claim: Claim) -> bool:
        """Take a trial's resources, if they are there: whole GPUs, or a fraction of one."""
        fitting = [i for i, left in enumerate(self.gpus) if left + _ALMOST >= min(claim.gpus, 1)]
        needed = math.ceil(claim.gpus)
        if self.cpus < claim.cpus or len(fitting) < needed:
            return False
        self.cpus -= claim.cpus
        for gpu in fitting[:needed]:
            self.gpus[gpu] -= min(claim.gpus, 1)
        return True


def fair_shares(machines: Sequence[tuple[int, int]], claims: Sequence[Claim]) -> dict[str, int]:
    """Return {sweep: trials at once} for the claims, in the order in which the sweeps came.

    Args:
        machines: (CPU cores, GPUs) of each; no trial spans two.
    """
    free = [_Free(cpus, [1.0] * gpus) for cpus, gpus in machines]
    total = [sum(one[kind] for one in machines) for kind in (0, 1)]
    given = {claim.sweep: 0 for claim in claims}
    asking = [claim for claim in claims if claim.wants > 0]
    while asking:
        claim = min(asking, key=lambda one: given[one.sweep] * _cost(one, total))
        if any(machine.take(claim) for machine in free):
            given[claim.sweep] += 1
        else:
            asking.remove(claim)
        if given[claim.sweep] == claim.wants and claim in asking:
            asking.remove(claim)
    return given


def _cost(claim: Claim, total: Sequence[float]) -> float:
    """Return which share of the cluster's scarcest resource a trial takes."""
    needs = (claim.cpus, claim.gpus)
    return max((need / there for need, there in zip(needs, total, strict=True) if there), default=0.0)
