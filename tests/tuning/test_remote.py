"""Addresses that commands are given."""

import pytest

from data_utils.errors import InputError
from tuning.remote import place_given


def test_a_folder_is_itself_and_an_address_a_place() -> None:
    """The home directory is written out."""
    assert place_given("runs/x") == "runs/x"
    assert not place_given("~/x").startswith("~")
    assert place_given("s3://bucket/x").startswith("s3://bucket/x")


def test_a_secret_is_refused_and_not_repeated() -> None:
    """With what to do instead."""
    with pytest.raises(InputError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as raised:
        place_given("s3://key:word@bucket/x")
    assert "word" not in str(raised.value)
