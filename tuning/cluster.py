"""Ray itself: started once, and what it has to give."""

import logging
import os
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import ray


@dataclass(frozen=True)
class Capacity:
    """CPU cores and GPUs."""

    cpus: int
    """Of all nodes."""
    gpus: int
    """Of all nodes."""
    cpus_of_largest: int
    """Of the node that has the most."""

    def trials_at_once(self, cpus: int, gpus: float) -> int:
        """Return how many trials of these demands fit at once."""
        fitting = self.cpus // cpus
        return min(fitting, int(self.gpus / gpus + 1e-9)) if gpus else fitting


Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a relative path means the same in a worker as in the driver
    "RAY_AIR_NEW_OUTPUT": "0",  # with which Ray Tune would print tables of its own
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no loggers but those the driver names
}


def start() -> None:
    """Start Ray on this machine alone, unless this process is connected to one already."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not ray.is_initialized():
        ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)


def stream(
    generate: Callable[Arguments, Iterator[Item]],
    cpus: int,
    gpus: float,
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Iterator[Item]:
    """Run a generator function as a Ray task, since the driver's machine may have no GPU; yield its items as they come."""
    task: Any = ray.remote(num_cpus=cpus, num_gpus=gpus, num_returns="streaming", max_retries=0)(generate)
    for reference in task.remote(*args, **kwargs):
        yield ray.get(reference)


def capacity() -> Capacity:
    """Return what the connected Ray has to give, or what this machine would give it."""
    if not ray.is_initialized():
        cores = len(os.sched_getaffinity(0))
        return Capacity(cores, _local_gpus(), cores)
    nodes = [
        node["Resources"]
        for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        if node["Alive"]
    ]
    cpus = [int(node.get("CPU", 0)) for node in nodes]
    return Capacity(sum(cpus), sum(int(node.get("GPU", 0)) for node in nodes), max(cpus, default=0))


def _local_gpus() -> int:
    """Return how many GPUs PyTorch sees here; where there is no CUDA driver there is no need to import it to know."""
    if find_library("cuda") is None:
        return 0
    import torch

    return torch.cuda.device_count()
