"""Where files lie that any node may have to reach: a path on a local or shared disk, or `s3://bucket/key`.

A place is text, so that it can be handed to a worker. One at S3 carries the server's address and region, as
`s3://bucket/key?endpoint=...&region=...`, but never a key of a user's: each node has these from its own environment.
What is done with the files there is in `file_access`.
"""

import os
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from data_utils.errors import InputError

SCHEME = "s3://"


def is_s3(place: str | Path) -> bool:
    """Return whether a place, or what a user gives as one, is at S3."""
    return str(place).startswith(SCHEME)


def s3_problem(url: str) -> str | None:
    """Return what is wrong with an s3 address that a user gives, or None; the address may hold a secret."""
    if "@" in url:
        return (
            "must hold no key and secret, which would be written down with the results; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY instead"
        )
    if "?" in url or "#" in url:
        return (
            "must be s3://bucket/prefix alone; the server's address and region come from s3.endpoint and s3.region of "
            "a sweep file, or from AWS_ENDPOINT_URL and AWS_REGION"
        )
    parts = url.removeprefix(SCHEME).rstrip("/").split("/")
    if not parts[0] or any(part in ("", ".", "..") for part in parts):
        return "must be s3://bucket/prefix, with no part of it empty or of dots alone"
    return None


def endpoint_problem(uri: str) -> str | None:
    """Return what is wrong with the address of a server, or None; it may hold a secret."""
    try:
        parts = urlsplit(uri)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        plain = False
    if "@" in uri or not plain or parts.path.strip("/") or parts.query or parts.fragment:
        return (
            "must be a server's address alone, such as http://127.0.0.1:9000; keys come from AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    return None


def s3_place(url: str, endpoint: str | None = None, region: str | None = None) -> str:
    """Return the place of an s3 address without problems.

    Args:
        endpoint: address of the server; by default `$AWS_ENDPOINT_URL_S3` or `$AWS_ENDPOINT_URL`, else Amazon's.
        region: by default `$AWS_REGION` or `$AWS_DEFAULT_REGION`, else what the server's client takes it to be.

    Raises:
        InputError: the environment gives no address of a server alone.
    """
    if endpoint is None:
        endpoint = _environment("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
        if endpoint and (problem := endpoint_problem(endpoint)):
            raise InputError("AWS_ENDPOINT_URL", [problem])
    region = region or _environment("AWS_REGION", "AWS_DEFAULT_REGION")
    given = {"endpoint": endpoint, "region": region}
    query = urlencode({key: value for key, value in given.items() if value})
    return quote(url.rstrip("/"), safe=":/") + (f"?{query}" if query else "")


def shown(place: str) -> str:
    """Return a place as a person would give it."""
    return SCHEME + s3_parts(place)[0] if is_s3(place) else place


def endpoint_and_region(place: str) -> tuple[str | None, str | None]:
    """Return the server's address and the region that a place at S3 carries."""
    return s3_parts(place)[1:]


def under(place: str, *names: str) -> str:
    """Return a place below another."""
    if not is_s3(place):
        return str(Path(place, *names))
    address, mark, query = place.partition("?")
    return "/".join([address, *(quote(name) for name in names)]) + mark + query


def parent(place: str) -> str:
    """Return the place above."""
    if not is_s3(place):
        return str(Path(place).parent)
    address, mark, query = place.partition("?")
    return address.rpartition("/")[0] + mark + query


def basename(place: str) -> str:
    """Return the last part of a place."""
    return path_at(place).rpartition("/")[2]


def path_at(place: str) -> str:
    """Return a place's path on the disk, or its bucket and key."""
    return s3_parts(place)[0] if is_s3(place) else place


def s3_parts(place: str) -> tuple[str, str | None, str | None]:
    """Return bucket and key of a place at S3, the server's address, and the region."""
    parts = urlsplit(place)
    query = parse_qs(parts.query)
    [endpoint], [region] = query.get("endpoint", [None]), query.get("region", [None])
    return parts.netloc + unquote(parts.path), endpoint, region


def _environment(*names: str) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)
