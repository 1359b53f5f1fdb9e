"""What is used of Ray beyond its public names, in one place, and why; written for Ray 2.60."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import ray
from ray._private import ray_constants, services, state
from ray._private.node import Node
from ray._raylet import (  # type: ignore[attr-defined]  # it is compiled, and its stub knows less
    AuthenticationTokenLoader,
    Config,
    GcsClient,
)
from ray.exceptions import RayActorError
from ray.tune import tune
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial

_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_NOBODY = b"127.0.0.1:0"
"""A port that nobody can listen on, so that nobody is sent the token."""


def reread_environment() -> None:
    """Let Ray see RAY_AUTH_MODE and the token as they are now: it has read them when it was imported, or first used."""
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def on_loopback() -> Iterator[None]:
    """Let all that is started within listen on 127.0.0.1 alone.

    `_node_ip_address` does not: Ray puts the machine's outer address in the place of 127.0.0.1. The switch that Ray has for
    Windows and macOS does; this process has read it when it imported Ray.
    """
    before = os.environ.get(_LOOPBACK)
    os.environ[_LOOPBACK] = "0"
    try:
        with _replaced(ray_constants, "ENABLE_RAY_CLUSTER", False):
            yield
    finally:
        if before is None:
            del os.environ[_LOOPBACK]
        else:
            os.environ[_LOOPBACK] = before


@contextmanager
def what_trials_need() -> Iterator[None]:
    """Let a Ray that is started within have no process that a sweep on one machine has no use for.

    Those are the autoscaler, the dashboard's server (which `include_dashboard=False` starts all the same, and waits for) and
    what prints workers' logs: seconds, and the memory of three processes. A method that Ray lacks is left out.
    """

    def no_server(self: Any, **_: object) -> None:
        # Else the node's agent asks for the server's address every second, and logs a traceback.
        self.get_gcs_client().internal_kv_put(
            ray_constants.DASHBOARD_ADDRESS.encode(), _NOBODY, True, ray_constants.KV_NAMESPACE_DASHBOARD
        )

    not_started = {
        "start_api_server": no_server,
        "start_monitor": lambda self: None,
        "start_log_monitor": lambda self: None,
    }
    with ExitStack() as stack:
        for name, function in not_started.items():
            if hasattr(Node, name):
                stack.enter_context(_replaced(Node, name, function))
        yield


def resolved(address: str) -> str:
    """Return the HOST:PORT of an address, which may be `auto`, as Ray would connect to it.

    Raises:
        ConnectionError: `auto`, and there is no cluster on this machine, or several.
        ValueError: it is no address.
    """
    return str(services.canonicalize_bootstrap_address_or_die(address))


def nodes_of(address: str) -> set[str]:
    """Ask a cluster's head for its nodes, as `ray.init` does again and again for twenty seconds or minutes.

    Returns:
        the ids of those that live.

    Raises:
        ray.exceptions.AuthenticationError: the token is wrong.
        ray.exceptions.RayError: no head answers.
    """
    with _quiet():
        infos: dict[Any, Any] = GcsClient(address=address).get_all_node_info(timeout=30)
    return {info_id.hex() for info_id, info in infos.items() if info.state == 0}


def nodes_here() -> set[str]:
    """Return the ids of the nodes that run on this machine, of whatever cluster."""
    return set(services.find_node_ids())  # type: ignore[no-untyped-call]  # Ray leaves it untyped


def free_resources() -> dict[str, tuple[float, float]]:
    """Return {id of a node: the CPU cores and GPUs that nothing has taken there}, as the head knows it now."""
    free = state.available_resources_per_node()  # type: ignore[no-untyped-call]  # as below
    return {node: (float(one.get("CPU", 0)), float(one.get("GPU", 0))) for node, one in free.items()}


def let_go_of_idle_workers(controller: Any) -> None:
    """Give back what Ray Tune's workers hold that wait for a trial: with `reuse_actors` one of them waits for good.

    Args:
        controller: what Ray Tune hands to schedulers.
    """
    controller._tune_controller._cleanup_cached_actors(force_all=True)


@contextmanager
def one_failure_a_worker() -> Iterator[None]:
    """Let a worker that dies fail its trial once, while Ray Tune runs.

    Several calls to one worker may be under way, as where it is used again. Each fails by itself, and the second finds a trial
    that waits for its next try, which Ray Tune would give up for good, whatever tries it has left.
    """
    process = TuneController._process_trial_failure

    def process_first(self: TuneController, trial: Trial, exception: Any) -> None:
        if trial.status != Trial.PENDING or not isinstance(exception, RayActorError):
            process(self, trial, exception)
            return
        self._resetting_trials.discard(trial)  # or it would be taken to have a worker already, and get none

    with _replaced(TuneController, "_process_trial_failure", process_first):
        yield


@contextmanager
def uncounted() -> Iterator[None]:
    """Let Ray Tune, while it runs, not count its callbacks for its telemetry, for which it imports all of MLflow and W&B."""
    usage, name = getattr(tune, "air_usage", None), "tag_callbacks"
    with _replaced(usage, name, lambda callbacks: False) if hasattr(usage, name) else nullcontext():
        yield


def node_address() -> str:
    """Return the address that the node which this process is connected to listens at."""
    return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]  # as above


@contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Ray's C++ writes to stderr from it: what is wrong is raised as well."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
