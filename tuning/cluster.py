"""Ray itself: started once, what it has to give, and work that is no trial."""

import logging
import os
from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import ray
from ray.exceptions import RayTaskError

from data_utils.errors import InputError
from tuning import ray_inside
from tuning.joining import authenticate, join
from tuning.ray_log import without_tracebacks
from tuning.token import MODE, TOKEN, new_token

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # a relative path means the same in a worker as in the driver
    "RAY_AIR_NEW_OUTPUT": "0",  # with which Ray Tune would print tables of its own
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # with which the first Ctrl-C would end trials whatever they lose
    "TUNE_MAX_PENDING_TRIALS_PG": "200",  # as for Ray's own grids; by default a searcher's workers start one by one
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no loggers but those the driver names
}

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Machine:
    """CPU cores and GPUs of one node."""

    cpus: int
    gpus: int

    def fits(self, cpus: int, gpus: float) -> int:
        """Return how many trials of these demands fit at once; fractions of a GPU never span two."""
        by_cpus = self.cpus // cpus
        if gpus == 0:
            return by_cpus
        by_gpus = self.gpus * int(1 / gpus + 1e-9) if gpus < 1 else self.gpus // int(gpus)
        return min(by_cpus, by_gpus)


def start(address: str | None = None) -> None:
    """Start Ray on this machine alone, or join a cluster, unless this process is connected to one already.

    Args:
        address: HOST:PORT of a cluster's head, or `auto` for the one that this machine is of.

    Raises:
        InputError: the cluster cannot be joined, or Ray would listen beyond this machine.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not ray.is_initialized():
        if address is None:
            _start_here()
        else:
            join(address)
    without_tracebacks()


def _start_here() -> None:
    """Start a Ray that nobody else can use: on the loopback alone, with a token that only its processes know."""
    authenticate()
    here = this_machine()
    mine = os.environ[MODE] == "token" and TOKEN not in os.environ
    if mine:
        os.environ[TOKEN] = new_token()  # else Ray would write one to a file that all users can read
    ray_inside.reread_environment()
    try:
        with ray_inside.on_loopback():
            ray.init(
                address="local",
                num_cpus=here.cpus,
                num_gpus=here.gpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
    finally:
        if mine:  # what this process starts besides need not know it
            del os.environ[TOKEN]
    if ray_inside.node_address() != LOOPBACK:
        ray.shutdown()
        problem = f"does not keep to {LOOPBACK} on this machine; install the Ray that upsweep is tested with, of constraints.txt"
        raise InputError(f"Ray {ray.__version__}", [problem])


def machines() -> list[Machine]:
    """Return the nodes of the connected Ray, or the one that `start` would make."""
    if not ray.is_initialized():
        return [this_machine()]
    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    return [Machine(int(r.get("CPU", 0)), int(r.get("GPU", 0))) for r in resources]


def this_machine() -> Machine:
    """Return the cores this process may use, by its affinity and its container's quota, and the GPUs it sees."""
    cores = len(os.sched_getaffinity(0))
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.is_file():
        limit, period = quota.read_text().split()
        if limit != "max":
            cores = min(cores, max(1, int(limit) // int(period)))
    return Machine(cores, _gpus())


def stream(
    generate: Callable[Arguments, Iterator[Item]],
    where: Machine,
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Iterator[Item]:
    """Run a generator function as a Ray task that takes a whole machine, and yield its items as they come.

    A task, since the driver's own machine may have no GPU.

    Raises:
        InputError: the function raised one.
        ray.exceptions.RayError: it raised something else, or its worker died.
    """
    task: Any = ray.remote(num_cpus=where.cpus, num_gpus=where.gpus, num_returns="streaming", max_retries=0)(
        generate
    )
    for reference in task.remote(*args, **kwargs):
        try:
            yield ray.get(reference)
        except RayTaskError as error:
            if isinstance(error.cause, InputError):  # as it was raised, without the worker's traceback
                raise error.cause from None
            raise


def _gpus() -> int:
    """Return how many GPUs PyTorch sees here; where there is no CUDA driver there is no need to import it to know."""
    if find_library("cuda") is None and not Path("/dev/nvidiactl").exists():
        return 0
    import torch

    return torch.cuda.device_count()
