"""A job's log line by line as it grows, from Ray's coroutine."""

import asyncio
from collections.abc import Iterator

from aiohttp import ClientError
from ray.job_submission import JobSubmissionClient


def log_lines(client: JobSubmissionClient, job: str) -> Iterator[str]:
    """Yield the lines of a job's log, without their ends, until the job ends.

    Raises:
        ConnectionError: the cluster is out of reach.
    """
    loop, parts, rest = asyncio.new_event_loop(), client.tail_job_logs(job), ""
    try:
        while True:
            try:
                text = loop.run_until_complete(anext(parts))
            except StopAsyncIteration:
                break
            except (ClientError, OSError) as error:
                raise ConnectionError(str(error)) from error
            *lines, rest = (rest + text).split("\n")
            yield from lines
        if rest:
            yield rest
    finally:
        loop.run_until_complete(parts.aclose())  # type: ignore[attr-defined]  # of an async generator
        loop.close()
