"""A server that is away for a while: patience waits, in every process; impatience says so."""

import pickle
import threading

import pytest

from data_utils.file_access import opened, read_bytes, write_bytes
from data_utils.places import s3_place
from data_utils.s3 import PatientS3
from tests.s3_server import S3Server


def test_it_is_as_patient_where_it_is_sent_to(s3: S3Server) -> None:
    """Arrow drops this when it pickles, and keys are not in what is sent."""
    system, _ = opened(s3_place("s3://bucket/x"))
    data = pickle.dumps(system)
    again = pickle.loads(data)
    assert isinstance(again, PatientS3)
    assert again.opened_with == (s3.endpoint, "us-east-1")
    assert b"secret-of-a-test" not in data


def test_a_server_that_stops_for_a_while_is_waited_for(s3: S3Server) -> None:
    """What is written meanwhile has arrived."""
    place = s3_place("s3://bucket/patience")
    s3.stop()
    timer = threading.Timer(2.0, s3.go_on)
    timer.start()
    write_bytes(place, b"there")
    timer.join()
    assert read_bytes(place) == b"there"


def test_without_patience_no_server_is_an_error() -> None:
    """At once; nothing listens at port 1."""
    with pytest.raises(OSError, match="NETWORK_CONNECTION"):
        write_bytes(s3_place("s3://bucket/x", "http://127.0.0.1:1"), b"", patient=False)
