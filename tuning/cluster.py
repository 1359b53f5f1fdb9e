"""Ray itself: started or joined once, and work on it that is no trial."""

import logging
import os
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from data_utils.errors import InputError, first_line
from tuning import ray_inside
from tuning.joining import authenticate, join
from tuning.nodes import Node, this_machine
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
    "RAY_prestart_worker_first_driver": "0",  # a worker a core, of which Ray Tune, whose workers have variables set, takes none
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no loggers but those the driver names
}

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
STARTS = 3
SECONDS_TO_BEGIN = 30.0
"""For which a task that has not begun when another has ended is waited for."""

_joined = False
_named: str | None = None
"""The cluster's address as the user gave it."""


def start(address: str | None = None, *, submitted: bool = False) -> None:
    """Start Ray on this machine alone, or join a cluster, unless this process is connected to one already.

    Args:
        address: HOST:PORT of a cluster's head, or `auto` for the one that this machine is of.
        submitted: whether the user gave it no address, but has submitted this process to it.

    Raises:
        InputError: the cluster cannot be joined, or Ray would listen beyond this machine.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not ray.is_initialized():
        with _own_signals():
            if address is None:
                _start_here()
            else:
                global _joined, _named
                join(address)
                _joined, _named = True, None if submitted else address
    without_tracebacks()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what a SIGTERM does, which Ray sets to end the process at once, even while it starts."""
    ours = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as end:
        if end.code == signal.SIGTERM:
            raise KeyboardInterrupt from end
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ours)


def is_started() -> bool:
    """Return whether this process is connected to a Ray."""
    return bool(ray.is_initialized())


def is_shared() -> bool:
    """Return whether others may use the Ray that this process is connected to, which is not one that it has started."""
    return _joined


def resume_command(place: object) -> str:
    """Return what goes on with a sweep where this process runs it, as the user can paste it."""
    at = ["--address", _named] if _named else []
    return shlex.join(["upsweep", "resume", str(place), *at])


def _start_here() -> None:
    """Start a Ray that nobody else can use: on the loopback alone, with a token that only its processes know."""
    authenticate()
    here = this_machine()
    mine = os.environ[MODE] == "token" and TOKEN not in os.environ
    if mine:
        os.environ[TOKEN] = new_token()  # else Ray would write one to a file that all users can read
    ray_inside.reread_environment()
    try:
        with ray_inside.on_loopback(), ray_inside.what_trials_need():
            _init_patiently(here)
    finally:
        if mine:  # what this process starts besides need not know it
            del os.environ[TOKEN]
    if ray_inside.node_address() != LOOPBACK:
        ray.shutdown()
        problem = f"does not keep to {LOOPBACK} on this machine; install the Ray that upsweep is tested with, of constraints.txt"
        raise InputError(f"Ray {ray.__version__}", [problem])


def _init_patiently(here: Node) -> None:
    """Start Ray; again where it gave up on itself, as it does after half a minute on a machine that is too busy.

    Raises:
        InputError: it did so each time.
    """
    for _ in range(STARTS):
        try:
            ray.init(
                address="local",
                num_cpus=here.cpus,
                num_gpus=here.gpus,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            return
        except Exception as error:  # Ray raises no kind of its own
            ray.shutdown()
            if "timed out during startup" not in str(error):
                raise
    problem = (
        f"did not start in its time, {STARTS} times: this machine is too busy (load {os.getloadavg()[0]:.0f} on "
        f"{here.cpus} cores); try again when it is less so"
    )
    raise InputError("Ray", [problem])


def on_cluster() -> bool:
    """Return whether this process is connected to a Ray that other machines may be of, or come to be of."""
    return ray.is_initialized() and ray_inside.node_address() != LOOPBACK


def stream(
    generate: Callable[Arguments, Iterator[Item]],
    where: Node,
    cpus: int,
    gpus: float,
    *args: Arguments.args,
    **kwargs: Arguments.kwargs,
) -> Iterator[Item]:
    """Run a generator function as a Ray task on a node, begun at once, and return its items, which come as they are ready.

    A task, since the driver's own machine may have no GPU.

    Args:
        cpus, gpus: what it waits for, which should be a trial's: were it all of the node, trials of other sweeps could keep
            it waiting for ever. It may compute with all cores: nothing else of its own sweep runs meanwhile.

    Raises:
        InputError: the function raised one.
        ray.exceptions.RayError: it raised something else, or its worker or the node died.
    """
    task = on_node(where, generate, num_cpus=cpus, num_gpus=gpus, num_returns="streaming")
    return _items(task.remote(*args, **kwargs))


def on_first(
    generate: Callable[Arguments, Iterator[Item]],
    calls: Sequence[tuple[Node, tuple[Any, ...]]],
    cpus: int,
    gpus: float,
) -> Iterator[Item]:
    """Run a generator function as a Ray task on each of several nodes, until one has ended and no other is under way.

    Those that have not begun by then, nor for `SECONDS_TO_BEGIN` more, are given up: other sweeps may keep their node busy for long.
    A worker or node that is lost is no loss to the others, which it is logged to.

    Args:
        calls: each node, with the arguments there; the function yields something as soon as it begins.
        cpus, gpus: as of `stream`.

    Yields:
        the items of all, as they are ready.

    Raises:
        InputError: the function raised one.
        ray.exceptions.RayError: it raised something else, or the worker or node of every one that began was lost; the last.
    """
    waiting = {
        on_node(node, generate, num_cpus=cpus, num_gpus=gpus, num_returns="streaming").remote(*args): False
        for node, args in calls
    }
    ended, lost = False, None
    try:
        while waiting:
            ready, _ = ray.wait(list(waiting), timeout=SECONDS_TO_BEGIN if ended else None)
            if not ready and not any(waiting.values()):
                return
            for task in ready:
                try:
                    item = next(_items(task))
                except StopIteration:
                    ended = True
                    del waiting[task]
                except RayTaskError:
                    raise
                except RayError as error:
                    logger.warning(
                        "what one machine was to compute for itself was lost: %s", first_line(error)
                    )
                    lost = error
                    del waiting[task]
                else:
                    waiting[task] = True
                    yield item
    finally:
        for late in waiting:
            ray.cancel(late)
    if lost and not ended:
        raise lost


def on_node(where: Node, function: Callable[..., Any], **options: Any) -> Any:
    """Return a function as a Ray task of a node, which is not run again when it fails."""
    there = NodeAffinitySchedulingStrategy(where.id, soft=False)
    remote: Any = ray.remote  # whose types know no strategy of a node, nor options in a mapping
    return remote(max_retries=0, scheduling_strategy=there, **options)(function)


def _items(references: Any) -> Iterator[Any]:
    for reference in references:
        try:
            yield ray.get(reference)
        except RayTaskError as error:
            if isinstance(error.cause, InputError):  # as it was raised, without the worker's traceback
                raise error.cause from None
            raise
