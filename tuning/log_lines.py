"""A job's log line by line as it grows, from Ray's coroutine."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from aiohttp import ClientError
from ray.job_submission import JobSubmissionClient


def log_lines(client: JobSubmissionClient, job: str) -> Iterator[str]:
    """Yield the lines of a job's log, without their ends, until the job ends.

    Raises:
        ConnectionError: the cluster is out of reach.
    """
    parts, rest = client.tail_job_logs(job), ""
    with asyncio.Runner() as runner:  # which ends at Ctrl-C what it runs, and the generator with it
        while True:
            try:
                text = runner.run(_next(parts))
            except (ClientError, OSError) as error:
                raise ConnectionError(str(error)) from error
            if text is None:
                break
            *lines, rest = (rest + text).split("\n")
            yield from lines
    if rest:
        yield rest


async def _next(parts: AsyncIterator[str]) -> str | None:
    return await anext(parts, None)
