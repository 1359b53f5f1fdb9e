"""An S3 server as a file system that outlives a server's short absence, in every process that it is sent to."""

from typing import Any
from urllib.parse import urlsplit

from pyarrow.fs import AwsDefaultS3RetryStrategy, FileSystem, S3FileSystem

PATIENT, IMPATIENT = 12, 1
"""Tries of a request more than the first; they are 25 ms apart, then twice as long each time: 100 s in all for twelve."""


class PatientS3(S3FileSystem):  # type: ignore[misc]  # Arrow ships no types
    """Arrow's own, but for what Arrow drops when it is pickled, as Ray does: how long it tries again."""

    def __reduce__(self) -> Any:
        return open_s3, (*self.opened_with, True)


def open_s3(endpoint: str | None, region: str | None, patient: bool) -> FileSystem:
    """Return the file system of an S3 server; keys come from the environment, or wherever else Amazon's clients look.

    Args:
        endpoint: the server's address, such as http://127.0.0.1:5000; None: Amazon's.
        patient: whether a request that fails for want of the server is made again for 100 s.
    """
    options: dict[str, Any] = {"region": region}
    if endpoint:
        parts = urlsplit(endpoint)
        options = {
            "scheme": parts.scheme,
            "endpoint_override": parts.netloc,
            "region": region or "us-east-1",  # that which servers other than Amazon's take for the default
        }
    tries = AwsDefaultS3RetryStrategy(max_attempts=PATIENT if patient else IMPATIENT)
    system = (PatientS3 if patient else S3FileSystem)(
        **options,
        retry_strategy=tries,
        connect_timeout=5,
        request_timeout=30 if patient else 10,  # without a byte from the server
    )
    if patient:
        system.opened_with = (endpoint, region)
    return system
