"""A real MLflow server on loopback, to keep or to kill."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


class MlflowServer:
    """An MLflow server on a free loopback port, with all it keeps in a folder."""

    def __init__(self, folder: Path):
        folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{port}"
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
                    "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/runs.db",
                    "--artifacts-destination", folder / "artifacts",
                ],
                env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> "MlflowServer":
        """Return it when it answers."""
        for _ in range(300):
            assert self._process.poll() is None, self._log.read_text()
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
            except OSError:
                time.sleep(0.2)
            else:
                return self
        self.kill()
        raise TimeoutError(self._log.read_text())

    def __exit__(self, *error: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it with the workers that it started, and no others: they are a group of their own."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
