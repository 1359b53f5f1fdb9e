"""Hosts on this machine: network namespaces joined by a bridge, in which commands run as on a machine of their own."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

SUBNET = "10.213.7"
_UNSHARE = ("unshare", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def why_not() -> str | None:
    """Return why there can be no namespaces here, or None."""
    for tool in ("ip", "unshare"):
        if shutil.which(tool) is None:
            return f"there is no command {tool} here (apt-get install iproute2 util-linux)"
    # All that is made below, in a namespace that is gone with the command.
    links = "ip link add probe type bridge && ip link add one type veth peer name other"
    tried = subprocess.run(
        [*_UNSHARE, "--net", "sh", "-c", links], capture_output=True, text=True, check=False
    )
    return f"this machine allows no network namespaces: {tried.stderr.strip()}" if tried.returncode else None


class Network:
    """A bridge, in a namespace of its own, and hosts on it; used as a context, after which nothing is left.

    Args:
        names: of the hosts.
        folder: for each host's log and `/tmp/ray`.
    """

    def __init__(self, names: Sequence[str], folder: Path):
        self._names, self._folder = names, folder
        self._prefix = f"up{os.getpid()}"
        self._running: list[subprocess.Popen[str]] = []

    def __enter__(self) -> "Network":
        with ExitStack() as undo:
            undo.callback(self._drop)
            self._ip("netns", "add", self._namespace("bridge"))
            self._inside("bridge", "link", "add", "br0", "type", "bridge")
            self._inside("bridge", "link", "set", "br0", "up")
            for name in self._names:
                self._add(name)
            undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running:
            if (
                process.poll() is None
            ):  # all of the host's processes, since it is the first of their namespace
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._drop()

    def address(self, name: str) -> str:
        """Return a host's address."""
        return f"{SUBNET}.{self._names.index(name) + 1}"

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> Path:
        """Start a command on a host, to run until the end, and return the file of what it says."""
        log = self._folder / f"{name}.log"
        with log.open("a") as out:
            self._running.append(self._popen(name, command, environment, out))
        return log

    def run(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host to its end, and return what it said."""
        with self._popen(name, command, environment, subprocess.PIPE) as running:
            try:
                said, error = running.communicate(timeout=seconds)
            except BaseException:
                os.killpg(running.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(command, running.returncode, said, error)

    def cut(self, name: str) -> None:
        """Take a host's link away: what is sent to it is lost, and nobody is told."""
        self._inside("bridge", "link", "set", f"to-{name}"[:15], "down")

    def mend(self, name: str) -> None:
        """Give it back."""
        self._inside("bridge", "link", "set", f"to-{name}"[:15], "up")

    def _popen(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], out: int | IO[str]
    ) -> "subprocess.Popen[str]":
        ray = self._folder / f"{name}.ray"
        ray.mkdir(exist_ok=True)
        Path("/tmp/ray").mkdir(exist_ok=True)
        there = f'hostname {name} && mount --bind {ray} /tmp/ray && exec "$@"'
        words = [
            "ip",
            "netns",
            "exec",
            self._namespace(name),
            *_UNSHARE,
            "sh",
            "-c",
            there,
            name,
            *map(str, command),
        ]
        return subprocess.Popen(
            words, env=dict(environment), stdout=out, stderr=out, text=True, start_new_session=True
        )

    def _add(self, name: str) -> None:
        host, outer = self._namespace(name), f"to-{name}"[:15]
        self._ip("netns", "add", host)
        self._inside("bridge", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", host)
        self._inside("bridge", "link", "set", outer, "master", "br0", "up")
        self._inside(name, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._inside(name, "link", "set", device, "up")
        self._inside(
            name, "route", "add", "default", "via", f"{SUBNET}.254"
        )  # by which Ray finds its own address

    def _drop(self) -> None:
        for name in ("bridge", *self._names):
            subprocess.run(["ip", "netns", "del", self._namespace(name)], capture_output=True, check=False)

    def _namespace(self, name: str) -> str:
        return f"{self._prefix}-{name}"

    def _inside(self, name: str, *words: str) -> None:
        self._ip("-n", self._namespace(name), *words)

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
