"""What happens to a sweep on four hosts, from its submission to its files."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa

from data_utils.errors import InputError
from tests.chaos.compare import differences
from tests.hosts.network import Network
from tuning.fetching import FETCHED
from tuning.nodes import this_machine
from tuning.results import load

ROOT = Path(__file__).parents[2]
HEAD, WORKERS, CLIENT = "head", ("worker1", "worker2"), "client"
CUT = "worker2"
SECONDS_CUT = 30.0
"""At least; and until the sweep goes on without the worker."""
LONGEST = 900.0
_TOKENS = ("token", "wrong")
"""Files of tokens: the cluster's, and another."""
SHORT = ("--set", "train.max_epochs=24", "--set", "model.hidden=16")
"""Long enough for trials to run on both workers when one is cut off, and until its loss is noticed."""


class Story:
    """A cluster, a sweep on it, and what befalls both.

    Args:
        folder: for everything that is written.
        short: whether the sweep is a small one.
    """

    def __init__(self, folder: Path, short: bool):
        self._folder, self._settings = folder.resolve(), SHORT if short else ()
        self._begin = time.monotonic()
        self._problems: list[str] = []

    def live(self) -> list[str]:
        """Run it, telling what happens, and return what was not as it should be."""
        (self._folder / "shared").mkdir()
        for name in _TOKENS:
            self._token(name, secrets.token_hex(32))
        with Network([HEAD, *WORKERS, CLIENT], self._folder) as network:
            self._network = network
            self._start()
            self._refusals()
            run = self._submit()
            self._stop_and_resume(run)
            self._cut(run)
            self._fetch(run)
        self._look_for_tokens()
        self._compare()
        return self._problems

    def _start(self) -> None:
        start = ROOT / "docker" / "start"
        self._network.start(HEAD, [start, "head"], self._environment(HEAD))
        for worker in WORKERS:
            head = f"{self._network.address(HEAD)}:6379"
            self._network.start(worker, [start, "worker", head], self._environment(worker))
        self._until(lambda: self._client("list").returncode == 0, "the head answers")
        hosts = [f"{name} {self._network.address(name)}" for name in (HEAD, *WORKERS, CLIENT)]
        self._tell(f"hosts: {', '.join(hosts)}; {this_machine().cpus} cores a worker, none of the head")

    def _refusals(self) -> None:
        cases = [
            ("no token", "none", "needs the cluster's token"),
            ("a wrong token", "wrong", "does not take this token"),
        ]
        quickstart = ROOT / "experiments" / "quickstart.yaml"
        commands: list[list[str | Path]] = [
            ["list"],
            ["submit", quickstart],
            ["fetch", "a-run", self._folder / "none"],
        ]
        commands += [[command, "a-run"] for command in ("status", "logs", "stop", "resume")]
        for name, file, why in cases:
            for command in commands:
                done = self._client(*command, RAY_AUTH_TOKEN_PATH=str(self._folder / file))
                said = done.stderr.strip()
                if done.returncode != 2 or why not in said or "Traceback" in done.stdout + said:
                    self._problems.append(f"{command[0]} with {name} exits with {done.returncode}: {said}")
            self._tell(f"{len(commands)} commands with {name}: exit {done.returncode}: {said}")

    def _submit(self) -> str:
        quickstart = ROOT / "experiments" / "quickstart.yaml"
        done = self._must("submit", quickstart, "--set", "resources.max_concurrent=4", *self._settings)
        run = done.stdout.strip()
        self._tell(f"submitted: {run}")
        self._until(lambda: len(self._epochs()) > 1, "epochs are recorded")
        self._tell("status:\n" + self._must("status", run).stdout.rstrip())
        return run

    def _stop_and_resume(self, run: str) -> None:
        self._tell(self._must("stop", run).stdout.strip())
        last = self._must("logs", run).stdout.splitlines()
        self._tell(
            f"logs: {len(last)} lines, among them: {next((x for x in last if 'keeps its state' in x), 'none')}"
        )
        before = len(self._epochs())
        self._must("resume", run)
        self._until(lambda: len(self._epochs()) > before, "epochs are recorded after the resume")
        self._tell(f"resumed after {before} epochs")

    def _cut(self, run: str) -> None:
        before, began = len(self._epochs()), time.monotonic()
        self._network.cut(CUT)
        self._tell(f"CUT the link of {CUT}, with {before} epochs recorded")

        def noticed() -> bool:  # and so that trials ran there
            return "is tried again" in self._must("logs", run).stdout

        def long_enough() -> bool:
            return noticed() and time.monotonic() - began > SECONDS_CUT

        self._until(lambda: self._has_ended() or long_enough(), "the loss of the worker is noticed")
        if self._has_ended():
            self._problems.append(f"the sweep has ended before the loss of {CUT} was noticed, and mended")
        self._network.mend(CUT)
        self._tell(
            f"mended it after {time.monotonic() - began:.0f} s, with {len(self._epochs())} epochs recorded"
        )

    def _fetch(self, run: str) -> None:
        self._until(self._has_ended, "the sweep ends")
        self._tell("status:\n" + self._must("status", run).stdout.rstrip())
        self._tell(self._must("fetch", run, self._folder / "fetched").stdout.strip())
        self._tell("list:\n" + self._must("list").stdout.rstrip())
        if self._problems:  # nothing was lost that could join again
            return
        log = self._folder / f"{CUT}.log"
        self._until(lambda: log.read_text().count("Ray runtime started") > 1, f"{CUT} joins again")
        self._tell(f"{CUT} has joined again")

    def _look_for_tokens(self) -> None:
        tokens = [(self._folder / name).read_bytes() for name in _TOKENS]
        files = [path for path in self._folder.rglob("*") if path.is_file() and not path.is_symlink()]
        kept = {self._folder / name for name in _TOKENS}
        with_one = [
            path for path in files if path not in kept and any(one in path.read_bytes() for one in tokens)
        ]
        self._problems += [f"a token stands in {path}" for path in with_one]
        self._tell(
            f"a token in {len(with_one)} of {len(files)} files: logs, Ray's own, tables, report, model"
        )

    def _compare(self) -> None:
        quickstart = ROOT / "experiments" / "quickstart.yaml"
        words = ["run", quickstart, "--storage", self._folder / "here", *self._settings]
        environment = os.environ | {"UPSWEEP_CACHE": str(self._folder / "cache"), "PYTHONPATH": str(ROOT)}
        subprocess.run(
            [sys.executable, "-m", "tuning.cli", *map(str, words)],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        trials = load(self._folder / "fetched").read("trials")
        per_host: pd.Series[int] = trials["host"].value_counts()
        self._tell(f"trials per host, by where each ended: {per_host.to_dict()}")
        found = differences(self._folder / "fetched", self._folder / "here" / "quickstart")
        found = [line for line in found if line not in (f"{FETCHED}: is left over", "ray: is missing")]
        self._problems += found
        self._tell(
            "tables and model equal those of a local run" if not found else "tables differ from a local run's"
        )

    @property
    def _run(self) -> Path:
        return self._folder / "shared" / "runs" / "quickstart"

    def _has_ended(self) -> bool:
        return (self._run / "ended.json").exists()

    def _epochs(self) -> "pd.DataFrame | list[int]":
        try:
            return load(self._run).read("epochs")
        except (InputError, pa.ArrowException):  # not there yet
            return []

    def _must(self, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        done = self._client(*words)
        if done.returncode:
            raise RuntimeError(
                f"upsweep {' '.join(map(str, words))} exits with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done

    def _client(self, *words: str | Path, **changes: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "tuning.cli", *map(str, words)]
        return self._network.run(CLIENT, command, self._environment(CLIENT) | changes, LONGEST)

    def _environment(self, host: str) -> dict[str, str]:
        """Return what a user sets on a host."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "UPSWEEP_"))
        }
        binaries = Path(sys.executable).parent
        cores = "0" if host == HEAD else str(this_machine().cpus)
        return kept | {
            "PATH": f"{binaries}:{kept['PATH']}",
            "PYTHONPATH": str(ROOT),
            "RAY_AUTH_TOKEN_PATH": str(self._folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "UPSWEEP_ADDRESS": f"http://{self._network.address(HEAD)}:8265",
            "UPSWEEP_CACHE": str(self._folder / f"{host}.cache"),
            "UPSWEEP_CPUS": cores,
            "UPSWEEP_DASHBOARD_HOST": self._network.address(HEAD),
            "UPSWEEP_NODE_IP": self._network.address(host),
            "UPSWEEP_OBJECT_STORE": "500000000",
            "UPSWEEP_SHARED": str(self._folder / "shared"),
        }

    def _token(self, name: str, token: str) -> None:
        file = self._folder / name
        file.touch(mode=0o600)
        file.write_text(token)

    def _until(self, there: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LONGEST
        while not there():
            if time.monotonic() > deadline:
                logs = "\n".join(
                    f"{log.name}: {log.read_text()[-2000:]}" for log in self._folder.glob("*.log")
                )
                raise TimeoutError(f"waited {LONGEST:.0f} s, in vain, until {what}\n{logs}")
            time.sleep(0.5)

    def _tell(self, text: str) -> None:
        print(f"{time.monotonic() - self._begin:6.1f} s  {text}", flush=True)
