"""What places are: their addresses, and which may be given."""

import pytest

from data_utils.errors import InputError
from data_utils.places import endpoint_and_region, s3_place, s3_problem, shown, under


def test_the_server_and_the_region_are_in_a_place_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given comes before the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert endpoint_and_region(s3_place("s3://b/p")) == ("http://127.0.0.1:1", "eu-west-1")
    given = s3_place("s3://b/p q/", "http://127.0.0.1:2", "r")
    assert endpoint_and_region(under(given, "x")) == ("http://127.0.0.1:2", "r")
    assert shown(under(given, "x")) == "s3://b/p q/x"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("s3://bucket", None),
        ("s3://bucket/a/b", None),
        ("s3://", "must be s3://bucket/prefix"),
        ("s3://bucket//b", "must be s3://bucket/prefix"),
        ("s3://bucket/../b", "must be s3://bucket/prefix"),
        ("s3://bucket/a?region=x", "must be s3://bucket/prefix alone"),
        ("s3://key:word@bucket/a", "must hold no key and secret"),
    ],
)
def test_addresses_that_may_be_given(url: str, problem: str | None) -> None:
    """What is wrong with others is told without repeating them."""
    found = s3_problem(url)
    assert (found is None) == (problem is None)
    assert (found or "").startswith(problem or "")
    assert "word" not in (found or "")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:9000", "http://user:word@host", "http://host/path", "http://host:x"]
)
def test_a_server_that_the_environment_names_badly_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Without repeating it, since it may hold a secret."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(InputError, match="AWS_ENDPOINT_URL: must be a server's address alone") as raised:
        s3_place("s3://bucket/x")
    assert "word" not in str(raised.value)
