"""The mirror of a folder at a real S3 server: everything arrives, in order, whatever the server does meanwhile."""

import os
import signal
import time
from pathlib import Path
from threading import Thread, Timer

import pytest

from data_utils.caches import unsent_mark
from data_utils.file_access import exists, files_below, read_bytes, write_bytes
from data_utils.places import s3_place, under
from tests.s3_server import S3Server
from tuning.files import aside, drop, watched
from tuning.lease import DRIVER
from tuning.mirror import Mirror

NOWHERE = "http://127.0.0.1:1"
"""Nothing listens at port 1."""


def write(file: Path, text: str) -> None:
    """Write a file as the driver does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with aside(file) as part:
        part.write_text(text)


@pytest.fixture
def place(tmp_path: Path, s3: S3Server) -> str:
    """Return an empty place at S3."""
    return s3_place(f"s3://bucket/mirror/{tmp_path.name}")


def test_what_is_written_and_removed_is_so_at_s3(tmp_path: Path, place: str) -> None:
    """The last version of each; with files that nobody told of, and without those elsewhere."""
    folder, said = tmp_path / "run", list[str]()
    mirror = Mirror(folder, place, said.append)
    with watched(mirror):
        write(folder / "sweep.yaml", "first")
        write(folder / "journal" / "a.json", "a")
        write(folder / "journal" / "b.pt", "b")
        write(tmp_path / "elsewhere", "x")
        write(folder / "sweep.yaml", "second")
        drop(folder, "journal/b.*")
        (folder / "wandb").write_text("by another")
    assert mirror.close()
    assert files_below(place) == ["journal/a.json", "sweep.yaml", "wandb"]
    assert read_bytes(under(place, "sweep.yaml")) == b"second"
    assert said == []


def test_what_workers_left_at_s3_alone_is_dropped_in_its_turn(tmp_path: Path, place: str) -> None:
    """Here it is not, so only the pattern is known; nobody's folder is left alone but the driver's own sign of life."""
    write_bytes(under(place, "ray", "trial_0", "checkpoint_3", "learner.pt"), b"x")
    write_bytes(under(place, DRIVER), b"{}")
    tmp_path.joinpath("run").mkdir()
    mirror = Mirror(tmp_path / "run", place, print)
    with watched(mirror):
        drop(tmp_path / "run", "ray/trial_0/checkpoint_*")
        write(tmp_path / "run" / "a", "a")
        drop(tmp_path / "run", "*")
        assert files_below(place) == [DRIVER]
    assert mirror.close()


def test_a_server_that_comes_back_gets_everything(tmp_path: Path, place: str, s3: S3Server) -> None:
    """Writing never waits for it."""
    folder = tmp_path / "run"
    mirror = Mirror(folder, place, print)
    with watched(mirror):
        with s3.stopped():
            for number in range(50):
                write(folder / f"{number % 5}", str(number))
        assert mirror.close()
    assert not unsent_mark(folder).exists()
    assert [read_bytes(under(place, str(n))) for n in range(5)] == [b"45", b"46", b"47", b"48", b"49"]


def test_a_removal_waits_for_what_was_written_before_it_at_the_end_too(
    tmp_path: Path, place: str, s3: S3Server
) -> None:
    """Or a kill at that moment would leave neither a state nor what came of it."""
    folder = tmp_path / "run"
    write_bytes(under(place, "state"), b"x")
    mirror = Mirror(folder, place, print)
    with watched(mirror), s3.stopped():
        write(folder / "first", "")
        write(folder / "outcome", "y" * 2**24)
        drop(folder, "state")
        closing = Thread(target=mirror.close)
        closing.start()
        time.sleep(0.2)  # until it waits for the server
    while exists(under(place, "state")):
        assert closing.is_alive()
    assert exists(under(place, "outcome"))
    closing.join()


def test_what_is_no_longer_ours_is_not_written(tmp_path: Path, place: str) -> None:
    """Another driver's results stay as they are."""
    folder, asked = tmp_path / "run", list[int]()

    def is_ours() -> bool:
        asked.append(1)
        return len(asked) < 2

    mirror = Mirror(folder, place, print, is_ours=is_ours)
    with watched(mirror):
        write(folder / "a", "a")
        write(folder / "b", "b")
        drop(folder, "a")
    assert not mirror.close(seconds=1)
    assert len(asked) == 2
    assert files_below(place) == ["a"]


def test_an_outage_that_is_over_leaves_no_mark(tmp_path: Path, place: str) -> None:
    """A driver that is killed later has sent everything."""
    folder, said = tmp_path / "run", list[str]()
    failing = [True]

    def is_ours() -> bool:
        if failing:
            raise OSError("away")
        return True

    mirror = Mirror(folder, place, said.append, retry_seconds=0.05, is_ours=is_ours)
    with watched(mirror):
        write(folder / "a", "a")
    deadline = time.monotonic() + 60
    while not unsent_mark(folder).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    failing.clear()
    while unsent_mark(folder).exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert files_below(place) == ["a"]
    mirror.abandon()


def test_what_is_removed_in_a_folder_below_is_so_at_s3(tmp_path: Path, place: str) -> None:
    """By its name there; elsewhere nothing of it is."""
    folder = tmp_path / "run"
    mirror = Mirror(folder, place, print)
    with watched(mirror):
        write(folder / "journal" / "mark", "")
        write(folder / "mark", "")
        drop(folder / "journal", "mark")
        drop(tmp_path, "mark")
    assert mirror.close()
    assert files_below(place) == ["mark"]


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_leaves_the_mark_of_what_did_not_arrive(tmp_path: Path) -> None:
    """The next driver must not drop the only folder that has it."""
    folder = tmp_path / "run"
    mirror = Mirror(folder, s3_place("s3://bucket/x", NOWHERE), print)
    with watched(mirror):
        write(folder / "a", "a")
    unsent_mark(folder).unlink(missing_ok=True)
    interrupt = Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        mirror.close()
    assert unsent_mark(folder).exists()


def test_a_server_that_stays_away_is_told_of_once_and_again_in_the_end(tmp_path: Path) -> None:
    """The folder is whole all the same, and a mark beside it says that it is the only one that is."""
    said: list[str] = []
    folder = tmp_path / "run"
    mirror = Mirror(folder, s3_place("s3://bucket/x", NOWHERE), said.append, retry_seconds=0.01)
    with watched(mirror):
        write(folder / "a", "a")
        assert not mirror.close(1.0)
    assert len(said) == 1
    assert said[0].startswith("storage: cannot be reached (")
    assert mirror.problem is not None
    assert (folder / "a").read_text() == "a"
    assert unsent_mark(folder).exists()
