"""A sweep on several machines: whether each has what it needs, looked at on all of them before the first trial."""

import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ray
from ray.exceptions import RayError

from data_utils.file_access import exists, remove, write_bytes
from data_utils.folder import ImageFolder
from data_utils.places import is_s3, parent, shown, under
from trainables.alike import Alike, of_this_machine, versions
from tuning.cluster import on_node
from tuning.nodes import Node, nodes
from tuning.space import TrialSpec

PATIENCE = 10.0
"""Seconds until a file written on one machine of a network file system is taken to be seen on the others."""


def others() -> list[Node]:
    """Return the nodes of the cluster but the driver's own that have cores to lend."""
    own = ray.get_runtime_context().get_node_id()
    return [node for node in nodes() if node.id != own and node.cpus]


def alike(trials: list[TrialSpec], folder: ImageFolder) -> Alike:
    """Return what other machines must have as this one has it.

    Raises:
        InputError: an image cannot be looked at.
    """
    recipe = trials[0].recipe
    weights = [recipe.weights] if recipe.weights and Path(recipe.weights).is_file() else []
    return of_this_machine(recipe.root, folder, weights)


def problems(there: list[Node], needs: Alike, place: str) -> list[str]:
    """Return what keeps nodes from running trials, by host.

    Args:
        place: of the sweep, in a storage that this machine can write.
    """
    if not there:
        return []
    with _probe(place) as probe:
        asked = [(node, on_node(node, look, num_cpus=0).remote(needs, probe)) for node in there]
        found = [f"machine {node.host}: {problem}" for node, answer in asked for problem in _answered(answer)]
    return list(dict.fromkeys(found))


def look(needs: Alike, probe: str, patience: float = PATIENCE) -> list[str]:
    """Return what this machine lacks; run on each.

    Args:
        probe: place of a file that the driver has just written to the storage.
    """
    problem = _storage_problem(needs.host, probe, patience)
    return needs.problems() + ([problem] if problem else [])


def _storage_problem(driver: str, probe: str, patience: float) -> str | None:
    """Return why this machine does not see a file of the driver's."""
    where, deadline = parent(probe), time.monotonic() + patience
    try:
        while not exists(probe):
            if time.monotonic() > deadline or is_s3(probe):
                return (
                    f"storage: what {driver} writes to {shown(where)} is not seen there; share that folder with all "
                    f"machines, or give --storage s3://bucket/prefix"
                )
            with suppress(OSError):
                os.listdir(where)  # which makes a network file system ask its server again
            time.sleep(0.2)
    except OSError as error:
        remedy = "let that machine reach it"
        if is_s3(probe):
            remedy = "have the server's address and keys in the environment of that machine's Ray"
        return f"storage: {shown(where)} cannot be read there ({error}); {remedy}"
    return None


def _answered(answer: "ray.ObjectRef[list[str]]") -> list[str]:
    try:
        return ray.get(answer)
    except RayError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        ours = versions().get("upsweep")
        return [
            f"cannot say what it has ({lines[-1].strip()}); see that it runs, with upsweep {ours} installed"
        ]


@contextmanager
def _probe(place: str) -> Iterator[str]:
    """Write a file where the sweep's folder is to be, or as near above as there is a folder, and give its place."""
    above = parent(place)
    while not is_s3(above) and not Path(above).is_dir():
        above = parent(above)
    probe = under(above, f".upsweep-{platform.node()}-{secrets.token_hex(8)}.probe")
    write_bytes(probe, b"")
    try:
        yield probe
    finally:
        remove(probe)
