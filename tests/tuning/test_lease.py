"""Who has a run at S3: a driver that lives, on this machine or another."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from data_utils.errors import InputError
from data_utils.file_access import exists, modified, read_bytes, remove, write_bytes
from data_utils.places import s3_place, under
from tests.s3_server import S3Server
from tuning.lease import DRIVER, lease


@pytest.fixture
def place(tmp_path: Path, s3: S3Server) -> str:
    """Return an empty place at S3."""
    return s3_place(f"s3://bucket/lease/{tmp_path.name}")


def never() -> None:
    """Hear that the lease was lost."""
    raise AssertionError("no other driver has taken it")


def test_a_second_driver_is_refused_until_the_first_has_ended(place: str) -> None:
    """With who has it; afterwards nothing is left."""
    with (
        lease(place, never),
        pytest.raises(InputError, match=f"another driver works on it: process {os.getpid()} on "),
        lease(place, never),
    ):
        pass
    with lease(place, never):
        assert exists(under(place, DRIVER))
    assert not exists(under(place, DRIVER))


def test_one_that_died_on_this_machine_is_not_waited_for(place: str) -> None:
    """A process of that number is not here; from another machine only its silence tells."""
    with lease(place, never):
        beat = json.loads(read_bytes(under(place, DRIVER)))
    dead = beat | {"pid": 2**22 + 1}
    write_bytes(under(place, DRIVER), json.dumps(dead).encode())
    with lease(place, never):
        pass
    write_bytes(under(place, DRIVER), json.dumps(dead | {"machine": "another"}).encode())
    with (
        pytest.raises(InputError, match=r"s old; wait for its end, or, if it is gone, for \d+ s"),
        lease(place, never),
    ):
        pass


def test_it_beats_as_long_as_it_lasts(place: str) -> None:
    """Each beat is younger."""
    mine = under(place, DRIVER)
    with lease(place, never, seconds_between=0.05):
        first = json.loads(read_bytes(mine))["beat"]
        deadline = time.monotonic() + 60
        while json.loads(read_bytes(mine))["beat"] == first:
            assert time.monotonic() < deadline
    assert first > 0


def test_one_that_fell_silent_a_minute_ago_is_gone(place: str) -> None:
    """By the server's clock; here the minute is none."""
    write_bytes(under(place, DRIVER), b'{"host": "h", "pid": 1, "machine": "another", "beat": 0}')
    assert modified(under(place, DRIVER)) > 0
    with lease(place, never, grace=0.0):
        pass


def test_a_container_of_this_machine_is_another_machine(place: str) -> None:
    """Its processes are numbered apart from ours: that we have none of that number says nothing of it."""
    inside = "from tuning.lease import lease\nimport sys\nwith lease(sys.argv[1], print):\n    print('mine', flush=True)\n    input()"
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", inside, place]
    if subprocess.run([*command[:4], "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may make no process namespace")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as container:
        assert container.stdin
        assert container.stdout
        try:
            assert container.stdout.readline() == "mine\n"
            beat = json.loads(read_bytes(under(place, DRIVER)))
            assert beat["pid"] == 1
            write_bytes(under(place, DRIVER), json.dumps(beat | {"pid": 2**22 + 1}).encode())
            with pytest.raises(InputError, match="another driver works on it"), lease(place, never):
                pass
        finally:
            container.stdin.write("\n")
            container.stdin.close()
            container.wait(60)


def test_one_that_was_away_for_too_long_stands_back(place: str) -> None:
    """Another has taken the run meanwhile: the first hears of it once, and leaves the other's sign of life alone."""
    mine, lost = under(place, DRIVER), Event()
    with lease(place, lost.set, seconds_between=0.05):
        others = json.loads(read_bytes(mine)) | {"driver": "f" * 16}  # of one length: both may write at once
        while not lost.wait(0.5):  # a beat of its own may have come in between
            write_bytes(mine, json.dumps(others).encode())
        assert json.loads(read_bytes(mine)) == others
    assert json.loads(read_bytes(mine)) == others


def test_a_sign_of_life_that_is_gone_is_given_again(place: str) -> None:
    """Nobody has taken the run."""
    with lease(place, never, seconds_between=0.05):
        remove(under(place, DRIVER))
        deadline = time.monotonic() + 60
        while not exists(under(place, DRIVER)):
            assert time.monotonic() < deadline


def test_one_that_was_silent_while_another_had_the_run_to_its_end_stands_back(place: str) -> None:
    """Nothing is left of the other but its results; what asks before a write hears of it first, and it is said once."""
    heard = list[str]()
    with lease(place, lambda: heard.append("lost"), seconds_between=3600, grace=0.2) as is_ours:
        time.sleep(0.3)
        assert is_ours()  # nobody has come
        time.sleep(0.3)
        with lease(place, never, grace=0.0):
            write_bytes(under(place, "trials.parquet"), b"the other's")
        assert not is_ours()
        assert not is_ours()
        assert heard == ["lost"]
        assert not exists(under(place, DRIVER))
    assert not exists(under(place, DRIVER))


def test_a_server_that_came_back_empty_is_written_to(place: str) -> None:
    """Or answers for a while that there is nothing: no other driver has left anything that is to be spared."""
    with lease(place, never, seconds_between=3600, grace=0.2) as is_ours:
        remove(under(place, DRIVER))
        time.sleep(0.3)
        assert is_ours()
        assert exists(under(place, DRIVER))


def test_after_its_end_nothing_is_lost_and_nothing_beats(place: str) -> None:
    """What asks then is told that the run is not this driver's any more, and no more comes of it."""
    with lease(place, never, seconds_between=3600, grace=0.0) as is_ours:
        write_bytes(under(place, "trials.parquet"), b"x")
        assert is_ours()
    assert not is_ours()
    assert not exists(under(place, DRIVER))
