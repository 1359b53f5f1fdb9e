"""A cluster of its own token whose nodes are processes of this machine, started as a person starts them: `ray start`."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

RAY = Path(sys.executable).with_name("ray")
TRIES = 3
"""Of starting a node, which Ray gives up after 30 s, on a machine that has much else to do."""


class SmallCluster:
    """A head without cores; used as a context.

    Attributes:
        address: HOST:PORT of the head.
        environment: what a process needs in its environment to be let in.
    """

    def __init__(self, folder: Path):
        token = folder / "token"
        token.touch(0o600)
        token.write_text(os.urandom(32).hex())
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self._ending = ExitStack()

    def __enter__(self) -> "SmallCluster":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._start("--head", "--port", str(port), "--num-cpus", "0", "--include-dashboard", "false")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outer:
            outer.connect(("192.0.2.1", 9))  # which sends nothing, and tells the address that Ray takes
            self.address = f"{outer.getsockname()[0]}:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def add(
        self, cpus: int, environment: Mapping[str, str] | None = None, inside: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Add a node, and return its process when it has joined.

        Args:
            inside: the command that starts what follows it in a namespace.
        """
        return self._start(
            "--address", self.address, "--num-cpus", str(cpus), more=environment, inside=inside
        )

    def _start(
        self, *arguments: str, more: Mapping[str, str] | None = None, inside: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        said = ""
        for _ in range(TRIES):
            process = self._begin(*arguments, more=more, inside=inside)
            assert process.stdout is not None
            for line in process.stdout:
                said += line
                if "Ray runtime started" in line:
                    return process
            process.communicate()
        self._ending.close()
        raise AssertionError(said)

    def _begin(
        self, *arguments: str, more: Mapping[str, str] | None, inside: Sequence[str]
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*inside, str(RAY), "start", "--block", "--num-gpus", "0", *arguments],
            env=os.environ | self.environment | dict(more or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._ending.callback(stop, process)
        return process


def stop(process: subprocess.Popen[str]) -> None:
    """End a node with all its processes, if it has not been ended."""
    if process.poll() is None:
        process.terminate()  # upon which `ray start --block` ends them
        process.communicate(timeout=300)
