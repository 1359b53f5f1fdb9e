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

SECONDS_TO_START = 120.0
ATTEMPTS = 4


class RayHead:
    """A head on this machine, at ports of its own; used as a context.

    Attributes:
        address: of its dashboard.
        environment: of the head, and so of the jobs that it starts.
    """

    def __init__(self, cpus: int, environment: Mapping[str, str]):
        self._cpus = cpus
        self.environment = dict(os.environ) | {"RAY_USAGE_STATS_ENABLED": "0"} | dict(environment)
        # Jobs start `python` as a shell finds it.
        self.environment["PATH"] = f"{Path(sys.executable).parent}:{self.environment['PATH']}"

    def __enter__(self) -> "RayHead":
        for attempt in range(ATTEMPTS):
            self._start()
            try:
                self._wait()
                return self
            except TimeoutError:  # on a busy machine Ray, or its dashboard alone, gives up on itself
                self.__exit__()
                if attempt == ATTEMPTS - 1:
                    raise
            except BaseException:
                self.__exit__()
                raise
        raise AssertionError("not reached")

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="up-", dir="/tmp")  # a socket's path must be short
        gcs, dashboard, agent, client = free_ports(4)
        self.address = f"http://127.0.0.1:{dashboard}"
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

    def __exit__(self, *_: object) -> None:
        ray = psutil.Process(self._running.pid)  # which is not waited for yet, and so is there in any case
        processes = [ray, *ray.children(recursive=True)]
        self._running.send_signal(signal.SIGTERM)  # at which `--block` ends what it started
        _, left = psutil.wait_procs(processes, timeout=20)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._running.wait()
        self._folder.cleanup()

    def _wait(self) -> None:
        """Wait until jobs can be submitted.

        Raises:
            TimeoutError: that does not come.
        """
        deadline = time.monotonic() + SECONDS_TO_START
        while (
            time.monotonic() < deadline and psutil.Process(self._running.pid).status() != psutil.STATUS_ZOMBIE
        ):
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
