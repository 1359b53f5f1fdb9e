"""The machines that trials may run on: what each has to give, now."""

import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

import ray

from tuning.cores import usable_cores

_ALMOST = 1e-6


@dataclass(frozen=True)
class Node:
    """One node: the CPU cores and GPUs that it lends."""

    host: str
    cpus: int
    gpus: int
    id: str = ""
    """Ray's, in hex; empty: this machine, before Ray is started."""

    def fits(self, cpus: int, gpus: float) -> int:
        """Return how many trials of these demands fit at once; fractions of a GPU never span two."""
        by_cpus = self.cpus // cpus
        if gpus == 0:
            return by_cpus
        by_gpus = self.gpus * int(1 / gpus + 1e-9) if gpus < 1 else self.gpus // int(gpus)
        return min(by_cpus, by_gpus)


def nodes() -> list[Node]:
    """Return the nodes of the connected Ray that live, by host; or this machine, which a local Ray would be."""
    if not ray.is_initialized():
        return [this_machine()]
    found = [
        Node(
            host=node["NodeManagerHostname"],
            cpus=int(node["Resources"].get("CPU", 0)),
            gpus=int(node["Resources"].get("GPU", 0)),
            id=node["NodeID"],
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        if node["Alive"]
    ]
    return sorted(found, key=lambda node: (node.host, node.id))


def this_machine() -> Node:
    """Return the cores this process may use, by its affinity and its container's quota, and the GPUs it sees."""
    return Node(platform.node(), usable_cores(), _gpus())


def largest(there: Sequence[Node]) -> list[Node]:
    """Return those with the most cores: where work runs that runs alone."""
    most = max((node.cpus for node in there), default=0)
    return [node for node in there if node.cpus == most]


def with_room(
    there: Iterable[Node], cpus: int, gpus: float, free: Mapping[str, tuple[float, float]]
) -> list[Node]:
    """Return those with as much free as a trial takes, be it in parts of several GPUs.

    Args:
        free: {id: (CPU cores, GPUs) that nothing has taken}.
    """

    def has_room(node: Node) -> bool:
        free_cpus, free_gpus = free.get(node.id, (0.0, 0.0))
        return free_cpus + _ALMOST >= cpus and free_gpus + _ALMOST >= gpus

    return [node for node in there if has_room(node)]


def room(there: Iterable[Node], cpus: int, gpus: float) -> dict[str, int]:
    """Return {host: trials of these demands that fit at once}, of the hosts that fit any."""
    found: dict[str, int] = {}
    for node in there:
        if fitting := node.fits(cpus, gpus):
            found[node.host] = found.get(node.host, 0) + fitting
    return found


def equal_share(there: Iterable[Node], at_once: int) -> int:
    """Return the cores that each of so many trials would have on the largest node, were they spread over the nodes evenly."""
    cores = [node.cpus for node in there if node.cpus] or [1]
    return max(1, max(cores) // math.ceil(at_once / len(cores)))


def _gpus() -> int:
    """Return how many GPUs PyTorch sees here; where there is no CUDA driver there is no need to import it to know."""
    if find_library("cuda") is None and not Path("/dev/nvidiactl").exists():
        return 0
    import torch

    return torch.cuda.device_count()
