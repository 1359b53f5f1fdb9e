"""A head of Ray's with its dashboard, for tests of what reaches a cluster by its address."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import requests

SECONDS_TO_START = 300.0
_ALWAYS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "280"}


class RayHead:
    """A head on this machine, at ports of its own; used as a context.

    Attributes:
        address: of its dashboard.
        environment: of the head, and so of the jobs that it starts.
    """

    def __init__(self, cpus: int, environment: Mapping[str, str]):
        self._cpus = cpus
        self.environment = dict(os.environ) | _ALWAYS | dict(environment)
        # Jobs start `python` as a shell finds it.
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{self.environment['PATH']}"

    def __enter__(self) -> "RayHead":
        self._folder = tempfile.TemporaryDirectory(prefix="up-", dir="/tmp")  # a socket's path must be short
        gcs, dashboard, agent, client = free_ports(4)
        self.address = f"http://127.0.0.1:{dashboard}"
        self.gcs = f"127.0.0.1:{gcs}"
        flags = {
            "port": gcs,
            "dashboard-host": "127.0.0.1",
            "dashboard-port": dashboard,
            "dashboard-agent-listen-port": agent,
            "ray-client-server-port": client,
            "node-ip-address": "127.0.0.1",
            "num-cpus": self._cpus,
            "temp-dir": self._folder.name,
        }
        self._running = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), "start", "--head", "--block"]
            + [f"--{name}={value}" for name, value in flags.items()],
            env=self.environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        processes = [
            psutil.Process(self._running.pid),
            *psutil.Process(self._running.pid).children(recursive=True),
        ]
        self._running.send_signal(signal.SIGTERM)  # at which `--block` ends what it started
        _, left = psutil.wait_procs(processes, timeout=20)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._running.wait()
        self._folder.cleanup()

    def _wait(self) -> None:
        """Wait until jobs can be submitted."""
        deadline = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            assert self._running.poll() is None, "the head has ended"
            try:
                if requests.get(f"{self.address}/api/jobs/", timeout=5).status_code in (200, 401, 403):
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise TimeoutError("the head does not answer")


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
