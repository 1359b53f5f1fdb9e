"""Runs by what Ray's list of jobs says of them."""

from dataclasses import replace

import pytest
from ray.dashboard.modules.job.pydantic_models import JobDetails
from ray.job_submission import JobStatus

from data_utils.errors import InputError
from tuning.service_runs import Run, find, runs_of


def job(metadata: dict[str, str] | None, start: int = 0) -> JobDetails:
    """Return a job that runs."""
    return JobDetails(
        type="SUBMISSION", status=JobStatus.RUNNING, entrypoint="", metadata=metadata, start_time=start
    )


def test_a_run_is_its_jobs() -> None:
    """In their order, with the server that its sweep file names; other people's jobs are none of ours."""
    given = Run("small-1", "small", "s3://bucket", "ann", [], "http://127.0.0.1:9000", "eu", own_code=True)
    later, first = job(given.metadata, start=2), job(replace(given, own_code=False).metadata, start=1)
    [run] = runs_of([later, job(None), job({"of": "others"}), first])
    assert run == Run(
        "small-1", "small", "s3://bucket", "ann", [first, later], "http://127.0.0.1:9000", "eu", own_code=True
    )
    assert run.arguments == ["s3://bucket/small", "--endpoint=http://127.0.0.1:9000", "--region=eu"]
    assert find([run], "s3://bucket/small/") == run


def test_a_run_that_the_head_has_forgotten_is_known_by_its_place() -> None:
    """And is where the head's own environment says."""
    assert find([], "/shared/runs/small").arguments == ["/shared/runs/small", "--endpoint=", "--region="]
    assert len({find([], f"/shared/{who}/small").id for who in ("ann", "ann", "bob")}) == 2


@pytest.mark.parametrize("address", ["s3://u:hunter2@b/x", "s3://b/x?key=hunter2"])
def test_an_address_that_may_hold_a_secret_is_refused_and_not_repeated(address: str) -> None:
    """It would stand in the head's list of jobs, for all to see."""
    with pytest.raises(InputError) as raised:
        find([], address)
    assert "hunter2" not in str(raised.value)
