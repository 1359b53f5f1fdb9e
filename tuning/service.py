"""A cluster as its users see it: runs that are jobs of Ray's, at the address of its dashboard."""

import getpass
import logging
import os
import re
import secrets
import shlex
import socket
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ray.dashboard.modules.job.pydantic_models import JobDetails
from ray.exceptions import AuthenticationError
from ray.job_submission import JobStatus, JobSubmissionClient
from requests.utils import get_environ_proxies
from ruamel.yaml import YAML

from data_utils.errors import InputError
from tuning import ray_inside
from tuning.config import Sweep
from tuning.job import QUERY
from tuning.job_stream import DONE, GarbledError, messages
from tuning.joining import authenticate
from tuning.local_code import pack
from tuning.log_lines import log_lines
from tuning.service_runs import Run, find, runs_of
from tuning.sweep_file import SWEEP_FILE
from tuning.terminal import INTERRUPTED
from tuning.token import MODE, check_token
from tuning.wording import is_progress

SECONDS_TO_STOP = 3600
"""How long a run that is stopped may take to end its epochs, before Ray kills it."""
SECONDS_TO_BEGIN = 90.0
"""How long a submit waits for the run to be looked at on the cluster."""
SECONDS_TO_REACH = 10.0
_POLL = 0.3
_OF_RAY = re.compile(r"Running entrypoint for job |\d{4}-\d\d-\d\d [\d:,]+\s(INFO|WARNING) ")
"""What begins the lines that Ray logs on the way."""
_REFUSED = 2
_LOGGERS = ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")
"""Of Ray's clients, which tell of each upload and connection; the last two have levels of their own."""
_NOT_THERE = ("No module named", "python: not found", "python: command not found")


class Service:
    """Submits runs, and asks for them.

    Raises:
        InputError: from each method: the cluster is out of reach, or refuses the token.
    """

    def __init__(self, address: str):
        if not re.match(r"https?://[^/@]+/?$", address) or not _has_good_port(address):
            problem = "is no address of a cluster's dashboard; give http://HEAD:8265, by --address or UPSWEEP_ADDRESS"
            raise InputError("--address", [problem])  # which is not repeated: it may hold a secret
        self._address = address
        authenticate()
        if os.environ[MODE] == "token":
            check_token(address)
        ray_inside.reread_environment()
        with self._talking():
            _reach(address)
            self._client = JobSubmissionClient(address)
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.ERROR)

    def runs(self) -> list[Run]:
        """Return the cluster's runs, the oldest first."""
        with self._talking():
            return runs_of(self._client.list_jobs())

    def run(self, name: str) -> Run:
        """Return a run by its id.

        Raises:
            InputError: there is none.
        """
        return find(self.runs(), name)

    def submit(self, sweep: Sweep, *, overwrite: bool, code: Path | None) -> str:
        """Send a sweep off, and return the run's id.

        Args:
            code: a folder with packages of upsweep's that take the place of those on the cluster.

        Raises:
            InputError: the folder holds none.
        """
        words = re.sub(r"[^A-Za-z0-9._-]", "-", sweep.name)[:40]
        run = f"{words}-{secrets.token_hex(3)}"
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            with (folder / SWEEP_FILE).open("w", encoding="utf-8") as file:
                YAML(typ="safe").dump(sweep.model_dump(), file)
            if code is not None:
                pack(code, folder)
            arguments = ["run", *(["--overwrite"] if overwrite else [])]
            server = sweep.s3.endpoint or "", sweep.s3.region or ""
            about = Run(run, sweep.name, sweep.storage, _user(), [], *server, code is not None).metadata
            self._start(run, arguments, about, {"working_dir": str(folder)})
        return run

    def resume(self, run: Run, code: Path | None = None) -> str:
        """Go on with a run, and return the id of the job that does.

        Args:
            code: as of `submit`.

        Raises:
            InputError: it is under way, or had code of its own and has none now.
        """
        if run.is_under_way:
            raise InputError(run.id, ["is under way; `upsweep logs -f` follows it"])
        if run.own_code and code is None:
            problem = "was submitted with code of its own, and the cluster's would go on with it; give it again by --code DIR"
            raise InputError(run.id, [problem])
        job = f"{run.id}.{len(run.jobs) + 1}"
        about = replace(run, user=_user(), own_code=code is not None).metadata
        with tempfile.TemporaryDirectory() as folder:
            if code is not None:
                pack(code, Path(folder))
            environment = {} if code is None else {"working_dir": folder}
            self._start(job, ["resume", *run.arguments], about, environment)
        return job

    def stop(self, run: Run) -> bool:
        """Ask a run to keep what it has and end; return whether it was under way."""
        with self._talking():
            return run.is_under_way and bool(self._client.stop_job(run.job))

    def log(self, job: str) -> list[str]:
        """Return the lines that a job has logged."""
        with self._talking():
            return str(self._client.get_job_logs(job)).splitlines()

    def follow(self, job: str) -> Iterator[str]:
        """Yield a job's lines as they come, until it ends."""
        with self._talking():
            yield from log_lines(self._client, job)

    def wait(self, job: str) -> int:
        """Wait for a job's end, and return what its command has exited with."""
        return _exit_code(self._end(job))

    def ask(self, what: str, run: Run) -> Iterator[dict[str, Any]]:
        """Yield the messages of a job that reads a run's folder.

        Raises:
            InputError: what it says, if it refuses to; or it breaks off.
        """
        job, said = f"{QUERY}{secrets.token_hex(6)}", deque[str](maxlen=50)

        def noted() -> Iterator[str]:
            for line in self.follow(job):
                said.append(line)
                yield line

        self._start(job, [what, *run.arguments], {}, {})
        try:
            with _whole(run):
                for answer in messages(noted()):
                    if DONE in answer:
                        return
                    yield answer
            self._refused(self._end(job), said)
            raise InputError(run.id, ["the cluster's answer broke off; try again", *list(said)[-1:]])
        finally:
            with suppress(InputError, RuntimeError):  # it only tidies up
                self._client.stop_job(job)
                self._end(job)
                self._client.delete_job(job)

    def begins(self, job: str) -> int | None:
        """Wait until the cluster has looked at what was submitted; return what its command has exited with if it has ended.

        Raises:
            InputError: the cluster refuses the run, in its words.
        """
        deadline = time.monotonic() + SECONDS_TO_BEGIN
        while time.monotonic() < deadline:
            details = self._job(job)
            if details.status.is_terminal():
                self._refused(details, self.log(job))
                return _exit_code(details)
            if any(map(is_progress, self.log(job))):
                return None
            time.sleep(_POLL)
        return None

    def _job(self, job: str) -> JobDetails:
        with self._talking():
            return self._client.get_job_info(job)

    def _end(self, job: str) -> JobDetails:
        while not (details := self._job(job)).status.is_terminal():
            time.sleep(_POLL)
        return details

    def _refused(self, details: JobDetails, said: Iterable[str]) -> None:
        """Raise what a job said that could not use its input, or that the cluster could not start."""
        if details.status != JobStatus.FAILED:
            return
        lines = [line for line in said if not _OF_RAY.match(line)]
        if any(word in line for line in lines for word in _NOT_THERE):
            problem = (
                f"has no upsweep that answers; install upsweep=={version('upsweep')} on each of its machines"
            )
            raise InputError(self._address, [problem])
        if details.driver_exit_code == _REFUSED:
            raise RefusedError("\n".join(lines))

    def _start(
        self, job: str, arguments: list[str], about: dict[str, str], environment: dict[str, Any]
    ) -> None:
        words = ["python", "-m", "tuning.job", *arguments, "--client", version("upsweep")]
        with self._talking():
            self._client.submit_job(
                submission_id=job,
                entrypoint=f"exec {shlex.join(words)}",  # so that a signal reaches Python, once
                metadata=about,
                runtime_env={"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(SECONDS_TO_STOP)}, **environment},
            )

    @contextmanager
    def _talking(self) -> Iterator[None]:
        """Say of what goes wrong between here and the cluster what it is."""
        try:
            yield
        except AuthenticationError as error:
            problem = "does not take this token; copy the cluster's own to this machine, mode 600"
            raise InputError(self._address, [problem]) from error
        except OSError as error:  # of which those of requests are
            problem = f"cannot be reached ({type(error).__name__}); is this the head's dashboard, and is it, or your tunnel, up?"
            raise InputError(self._address, [problem]) from error
        except RuntimeError as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(self._address, [f"does not do it: {said}"]) from error


def _has_good_port(address: str) -> bool:
    try:
        urlsplit(address).port  # noqa: B018  # which is looked at when asked for
    except ValueError:
        return False
    return True


def _reach(address: str) -> None:
    """Connect once, with a bound on it: Ray's client has none, and a firewall that drops what comes keeps it for minutes.

    Raises:
        OSError: nobody answers there.
    """
    if get_environ_proxies(address, None):  # which is who is to be reached
        return
    url = urlsplit(address)
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    socket.create_connection((url.hostname or "", port), timeout=SECONDS_TO_REACH).close()


class RefusedError(InputError):
    """What the cluster said, in its own words."""

    def __init__(self, said: str):
        super().__init__(said, [])

    def __str__(self) -> str:
        return self.subject


@contextmanager
def _whole(run: Run) -> Iterator[None]:
    """Say of an answer that is cut what to do."""
    try:
        yield
    except GarbledError as error:
        raise InputError(run.id, [f"{error}; try again"]) from error


def _exit_code(ended: JobDetails) -> int:
    if ended.status == JobStatus.STOPPED:
        return INTERRUPTED
    return 0 if ended.status == JobStatus.SUCCEEDED else ended.driver_exit_code or 1


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return ""
