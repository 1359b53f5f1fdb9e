"""Joining a cluster that is there already: all that could keep `ray.init` waiting for minutes is asked before."""

import logging
import os
import socket
import time

import ray
from ray.exceptions import AuthenticationError, RayError

from data_utils.errors import InputError
from tuning import ray_inside
from tuning.token import MODE, check_token

logger = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds that a node which has just been started may take to be known."""


def authenticate() -> None:
    """Turn the token on for this process and those it starts; who has turned it off is told what that means."""
    if os.environ.setdefault(MODE, "token") != "token":
        logger.warning(
            "%s=%s: whoever reaches Ray's ports runs code there; unset it to have a token asked for",
            MODE,
            os.environ[MODE],
        )


def join(address: str) -> None:
    """Connect this process to a cluster that has a node on this machine.

    Args:
        address: HOST:PORT of its head, or `auto` for the one that this machine is of.

    Raises:
        InputError: it cannot be reached, or does not let us in.
    """
    subject = f"--address {address}"
    authenticate()
    if os.environ[MODE] == "token":
        check_token(subject)  # without one Ray ends the process
    ray_inside.reread_environment()
    head = _head(address, subject)
    _ask(head, subject)
    try:
        ray.init(address=head, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, RayError) as error:
        raise InputError(subject, [f"cannot be joined: {error}"]) from error


def _head(address: str, subject: str) -> str:
    """Return HOST:PORT, where something listens."""
    try:
        head = ray_inside.resolved(address)
        host, _, port = head.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except ValueError as error:
        raise InputError(subject, ["must be HOST:PORT of a cluster's head, or auto"]) from error
    except OSError as error:
        if address == "auto":
            remedy = "no cluster, or several, on this machine; start one, or give its head as HOST:PORT"
        else:
            remedy = "nothing answers there; give the head's HOST:PORT, the port that it was started with (6379 by default)"
        raise InputError(subject, [f"{remedy} ({error})"]) from error
    return head


def _ask(head: str, subject: str) -> None:
    """See that the head knows our token, and that a node of its cluster is on this machine."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            if ray_inside.nodes_of(head) & ray_inside.nodes_here():
                return
        except AuthenticationError as error:
            problem = "does not take this token; copy the cluster's own to this machine, mode 600"
            raise InputError(subject, [problem]) from error
        except RayError as error:
            raise InputError(subject, [f"is no head of a Ray cluster that answers: {error}"]) from error
        if time.monotonic() > deadline:
            problem = (
                "has no node on this machine, which a driver needs; call it on a machine of the cluster, or hand the "
                "sweep over with `upsweep submit`"
            )
            raise InputError(subject, [problem])
        time.sleep(0.5)
