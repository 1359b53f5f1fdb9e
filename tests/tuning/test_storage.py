"""A sweep whose storage is a real S3 server: stopped, killed and gone on with, it ends as one on a disk without a break."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from data_utils.caches import cached, unsent_mark, working_folder
from data_utils.errors import InputError
from data_utils.file_access import exists, files_below, is_folder, read_bytes, write_bytes
from data_utils.places import s3_place, under
from tests.conftest import Run
from tests.few_digits import few_digits
from tests.s3_server import S3Server
from tests.tuning.test_resume import SWEEP as KILLED
from tests.tuning.test_resume import TIMES
from tuning.config import Sweep, load_sweep
from tuning.driver import claim_folder, run
from tuning.files import aside
from tuning.lease import DRIVER, lease
from tuning.plan import plan
from tuning.results import load
from tuning.storage import stored

SWEEP = KILLED.replace("name: killed", "name: away")
URL = "s3://bucket/runs"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sweep file."""
    file = tmp_path_factory.mktemp("sweep") / "sweep.yaml"
    file.write_text(SWEEP.replace("ROOT", str(few_digits())))
    return file


@pytest.fixture(scope="module")
def ended(file: Path, s3: S3Server, upsweep: Run) -> str:
    """Run it with the server stopped for ten seconds, kill its driver, and go on; return where it is."""
    place = under(s3_place(URL), "away")
    command = Path(sys.executable).with_name("upsweep")
    with subprocess.Popen(
        [command, "run", file, "--storage", URL], stdout=subprocess.DEVNULL, start_new_session=True
    ) as running:
        wait(lambda: epochs_kept(place) >= 1, running)
        with s3.stopped():
            time.sleep(10)
        wait(lambda: epochs_kept(place) >= 2, running)
        os.kill(running.pid, signal.SIGKILL)
    assert not exists(under(place, "ended.json"))
    done = upsweep("resume", f"{URL}/away")
    assert done.returncode == 0, done.stdout + done.stderr
    return place


def wait(until: Callable[[], bool], running: subprocess.Popen[bytes]) -> None:
    """Wait for something that a sweep is to do."""
    end = time.monotonic() + 300
    while not until():
        assert running.poll() is None, "the sweep ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.1)


def epochs_kept(place: str) -> int:
    """Return after how many epochs the first trial's last checkpoint is."""
    mark = under(place, "journal", "checkpoint_00000.json")
    return int(json.loads(read_bytes(mark))["epochs"]) if exists(mark) else 0


@pytest.mark.slow
def test_it_ends_as_one_on_a_disk_without_a_break(
    ended: str, file: Path, local_ray: None, tmp_path: Path
) -> None:
    """All four tables, times aside, the model and the files; what only a resume needs is gone."""
    whole = run(load_sweep(file, [f"storage={tmp_path}"])).folder
    for table, times in TIMES.items():
        ours, theirs = (getattr(load(path), table).drop(columns=times) for path in (f"{URL}/away", whole))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    assert read_bytes(under(ended, "model.safetensors")) == (whole / "model.safetensors").read_bytes()
    left = files_below(ended)
    assert {name for name in left if "/" not in name} == {p.name for p in whole.iterdir() if p.is_file()}
    assert not is_folder(under(ended, "journal"))
    assert not is_folder(under(ended, "shared"))
    assert not [name for name in left if "checkpoint_" in name]


@pytest.mark.slow
def test_no_key_is_written_down(ended: str) -> None:
    """Neither in our files nor in Ray's."""
    for name in files_below(ended):
        assert b"secret-of-a-test" not in read_bytes(under(ended, *name.split("/"))), name


@pytest.mark.slow
def test_commands_read_it_there(ended: str, upsweep: Run, tmp_path: Path, images: Path) -> None:
    """Tables, report, model; and what has ended is not gone on with."""
    shown = upsweep("results", URL, "--format", "csv")
    assert shown.stdout.splitlines()[1].startswith("away,0,0.001,6,")
    written = read_bytes(under(ended, "report.html"))
    assert upsweep("report", f"{URL}/away").stdout == f"wrote {URL}/away/report.html\n"
    assert abs(len(read_bytes(under(ended, "report.html"))) - len(written)) < 100
    said = upsweep("predict", f"{URL}/away", images / "ant" / "0.jpg", "--format", "json")
    assert json.loads(said.stdout)[0]["path"].endswith("0.jpg"), said.stderr
    assert "has ended; there is nothing to go on with" in upsweep("resume", f"{URL}/away").stdout
    missing = upsweep("predict", f"{URL}/none", images / "ant" / "0.jpg")
    assert missing.returncode == 2
    assert "s3://bucket/runs/none: holds no files of a sweep" in missing.stderr


def test_the_plan_says_what_cannot_be_written(file: Path, s3: S3Server, tmp_path: Path) -> None:
    """The bucket, the server and the remedy; before anything is computed, and with every other problem."""
    with pytest.raises(InputError, match=rf"storage s3://none/away: cannot be written at {s3.endpoint}, region us-east-1 .*bucket 'none' must be there"):  # fmt: skip
        plan(load_sweep(file, ["storage=s3://none"]))
    away = ["storage=s3://bucket/x", "s3={endpoint: 'http://127.0.0.1:1'}", f"data.root={tmp_path}/none"]
    with pytest.raises(InputError, match=r"cannot be written at http://127\.0\.0\.1:1, region") as raised:
        plan(load_sweep(file, away))
    assert len(raised.value.problems) == 2


def test_a_name_in_use_is_refused_unless_it_is_to_be_overwritten(file: Path, s3: S3Server) -> None:
    """All that was there is then gone, from S3 too."""
    sweep = load_sweep(file, ["storage=s3://bucket/again"])
    with stored(sweep, resume=False, warn=print):
        claim_folder(plan(sweep))
        (sweep.folder / "old").touch()
    with pytest.raises(InputError, match="s3://bucket/again/away is there already"):
        plan(sweep)
    with stored(sweep, resume=False, warn=print):
        claim_folder(plan(sweep, overwrite=True), overwrite=True)
    assert files_below(sweep.place) == ["sweep.yaml"]
    assert sweep.folder == working_folder(sweep.place)


def test_what_could_not_be_sent_is_never_removed(file: Path, s3: S3Server) -> None:
    """The next driver moves it aside and says where; the cache counts it among nothing that may be dropped."""
    sweep, said = load_sweep(file, ["storage=s3://bucket/unsent"]), list[str]()
    with stored(sweep, resume=False, warn=said.append):
        (sweep.folder / "row").write_text("the only one")
    unsent_mark(sweep.folder).touch()
    assert sweep.folder not in [entry.path for entry in cached()]
    with stored(sweep, resume=False, warn=said.append):
        assert not (sweep.folder / "row").exists()
    (kept,) = sweep.folder.parent.glob("away.unsent_*")
    assert (kept / "row").read_text() == "the only one"
    assert said == [f"storage: what a driver before could not send is kept in {kept}"]
    assert kept not in [entry.path for entry in cached()]
    assert sweep.folder in [entry.path for entry in cached()]


def test_what_ends_a_run_names_it_at_s3(file: Path, s3: S3Server) -> None:
    """Its own words tell of the folder worked in, whose file is fetched again by the next resume."""
    sweep = load_sweep(file, ["storage=s3://bucket/words"])
    there, mark = "s3://bucket/words/away", sweep.folder / "journal" / "checkpoint_00000.json"
    lost = InputError(str(sweep.folder), [f"drop {mark}"])
    assert ended_by(lost, sweep) == f"{there}: drop {there}/journal/checkpoint_00000.json"
    interrupted = KeyboardInterrupt(f"go on with: upsweep resume {sweep.folder}")
    assert ended_by(interrupted, sweep) == f"go on with: upsweep resume {there}"
    assert ended_by(OSError("timeout"), sweep) == (
        f"storage {there}: is out of reach (timeout); once it is back, go on with: upsweep resume {there}"
    )


def ended_by(error: BaseException, sweep: Sweep) -> str:
    """Return what is said of a run that this ended."""
    with pytest.raises((InputError, KeyboardInterrupt)) as ended, stored(sweep, resume=False, warn=print):
        raise error
    return str(ended.value)


def test_two_drivers_of_one_run_are_refused(file: Path, s3: S3Server) -> None:
    """On this machine by a lock, on another by the sign of life at S3."""
    sweep = load_sweep(file, ["storage=s3://bucket/two"])
    refused = pytest.raises(InputError, match="another process on this machine works on it")
    with stored(sweep, resume=False, warn=print), refused, stored(sweep, resume=False, warn=print):
        pass
    refused = pytest.raises(InputError, match="another driver works on it")
    with lease(sweep.place, print), refused, stored(sweep, resume=False, warn=print):
        pass


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def heeded(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """Let one signal alone interrupt: SIGINT as in a terminal, or SIGTERM as in what was started in the background."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(request.param, signal.default_int_handler)
    yield request.param
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_run_that_another_driver_has_taken_is_left_to_it(
    file: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch, heeded: signal.Signals
) -> None:
    """The first is interrupted, by the signal that it heeds, writes nothing more, and says so."""
    monkeypatch.setattr("tuning.storage.lease", partial(lease, seconds_between=0.05))
    sweep = load_sweep(file, [f"storage=s3://bucket/taken-{heeded.name}"])
    taken = pytest.raises(InputError, match="was taken by another driver while this one could not reach it")
    with taken, stored(sweep, resume=False, warn=print):
        others = json.loads(read_bytes(under(sweep.place, DRIVER))) | {"driver": "f" * 16}  # of one length
        with suppress(KeyboardInterrupt):
            for _ in range(60):  # a beat of its own may come in between
                write_bytes(under(sweep.place, DRIVER), json.dumps(others).encode())
                time.sleep(1)
            pytest.fail("it was not interrupted")
        sweep.folder.mkdir(parents=True, exist_ok=True)
        with aside(sweep.folder / "late") as part:
            part.touch()
    assert files_below(sweep.place) == [DRIVER]
    assert json.loads(read_bytes(under(sweep.place, DRIVER))) == others
