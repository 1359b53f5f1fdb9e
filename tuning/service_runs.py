"""A cluster's runs, as its list of jobs tells of them: a run is the job that began it, and those that went on with it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ray.dashboard.modules.job.pydantic_models import JobDetails
from ray.job_submission import JobStatus

from data_utils.errors import InputError, near
from data_utils.places import is_s3, s3_problem

RUN, NAME, STORAGE, USER, ENDPOINT, REGION, CODE = (
    f"upsweep_{key}" for key in ("run", "name", "storage", "user", "endpoint", "region", "code")
)
"""Keys of a job's metadata."""


@dataclass(frozen=True)
class Run:
    """A run on a cluster."""

    id: str
    name: str
    """The sweep's."""
    storage: str
    """As it was given; relative to the cluster's shared folder."""
    user: str
    """Who submitted it, by the name they have on their own machine."""
    jobs: Sequence[JobDetails]
    """In their order; none if it is known by its place alone."""
    endpoint: str = ""
    """Of a storage at S3, as the sweep file gives it; empty: as the head's environment does."""
    region: str = ""
    own_code: bool = False
    """Whether packages of upsweep's have travelled with it."""

    @property
    def last(self) -> JobDetails:
        """The job that tells how the run is."""
        return self.jobs[-1]

    @property
    def job(self) -> str:
        """That job's id.

        Raises:
            InputError: the head knows of none.
        """
        if not self.jobs:
            raise InputError(self.id, ["has no job on this head, which has been restarted since"])
        return self.last.submission_id or ""

    @property
    def place(self) -> str:
        """The run's folder or s3 address."""
        return f"{self.storage}/{self.name}"

    @property
    def arguments(self) -> list[str]:
        """What names it to `tuning.job`."""
        return [self.place, f"--endpoint={self.endpoint}", f"--region={self.region}"]

    @property
    def metadata(self) -> dict[str, str]:
        """What a job says that it is of."""
        return {
            RUN: self.id,
            NAME: self.name,
            STORAGE: self.storage,
            USER: self.user,
            ENDPOINT: self.endpoint,
            REGION: self.region,
            CODE: "own" if self.own_code else "",
        }

    @property
    def is_under_way(self) -> bool:
        """Whether a job of it has not ended."""
        return bool(self.jobs) and not self.last.status.is_terminal()

    @property
    def state(self) -> str:
        """How it is, in a word."""
        if not self.jobs:
            return "unknown to this head"
        status, code = self.last.status, self.last.driver_exit_code
        failed = {1: "failed", 2: "refused", 130: "stopped"}.get(code or 0, "killed")
        return {
            JobStatus.PENDING: "starting",
            JobStatus.RUNNING: "running",
            JobStatus.STOPPED: "stopped",
            JobStatus.SUCCEEDED: "ended",
        }.get(status, failed)

    @property
    def began(self) -> str:
        """When it was submitted, by the clock of the head and the zone of the reader."""
        milliseconds = self.jobs[0].start_time if self.jobs else None
        if not milliseconds:
            return ""
        return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M")


def runs_of(jobs: Iterable[JobDetails]) -> list[Run]:
    """Return the runs that jobs make, the oldest first; other people's jobs are none of ours."""
    found: dict[str, list[JobDetails]] = {}
    for job in sorted(jobs, key=lambda job: job.start_time or 0):
        if job.metadata and RUN in job.metadata:
            found.setdefault(job.metadata[RUN], []).append(job)
    return [
        Run(
            run,
            first.get(NAME, ""),
            first.get(STORAGE, ""),
            first.get(USER, ""),
            of_run,
            first.get(ENDPOINT, ""),
            first.get(REGION, ""),
            bool((of_run[-1].metadata or {}).get(CODE)),
        )
        for run, of_run in found.items()
        if (first := of_run[0].metadata) is not None
    ]


def find(runs: Sequence[Run], name: str) -> Run:
    """Return a run by its id; or one that the head has forgotten, by its folder or s3 address.

    Raises:
        InputError: there is none of this id.
    """
    for run in runs:
        if run.id == name:
            return run
    if is_s3(name) and (problem := s3_problem(name)):
        raise InputError("the run's address", [problem])  # which is not repeated: it may hold a secret
    if "/" in name:
        storage, _, last = name.rstrip("/").rpartition("/")
        known = [run for run in runs if run.place == f"{storage}/{last}"]
        # Two people's sweeps of one name are two runs.
        digest = hashlib.sha256(f"{storage}/{last}".encode()).hexdigest()[:6]
        return known[-1] if known else Run(f"{last}-{digest}", last, storage, "", [])
    hint = near(name, [run.id for run in runs]) if runs else "there are none yet"
    raise InputError(
        name,
        [f"no such run on the cluster: {hint}; one of before its head was restarted is known by its folder"],
    )
