"""A real head at its address: submit, list, status, logs, stop, resume, fetch, and who is refused."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.compare import differences
from tests.conftest import Run, write_images
from tests.ray_head import RayHead
from tuning.config import load_sweep
from tuning.driver import run
from tuning.job import SHARED_FOLDER
from tuning.local_code import pack

ROOT = Path(__file__).parents[2]
TOKEN = "0123456789abcdef" * 4
SWEEP = """name: small
data: {root: images, resize: 64, image_size: 64, batch_size: 4}
model: {arch: alexnet, hidden: 16, init: kaiming}
train: {max_epochs: 3, precision: fp32}
search: {points: [{lr: 0.01, step_size: 2}, {lr: 0.001, step_size: 9}]}
"""
ENDLESS = ("--set", "train.max_epochs=100000", "--set", "stop.up=null")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the cluster's shared folder, with images in it, and a sweep file that is not in it."""
    folder = tmp_path_factory.mktemp("cluster")
    write_images(folder / "shared" / "images")
    (folder / "small.yaml").write_text(SWEEP)
    return folder / "shared"


@pytest.fixture(scope="module")
def head(shared: Path) -> Iterator[RayHead]:
    """Start a head of two cores, which wants a token, and let the tests' commands know both."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    with (
        RayHead(2, token | {SHARED_FOLDER: str(shared), "PYTHONPATH": str(ROOT)}) as head,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("UPSWEEP_ADDRESS", head.address)
        environment.setenv("RAY_AUTH_TOKEN", TOKEN)
        yield head


def until(there: Callable[[], bool], seconds: float = 300) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


@pytest.mark.usefixtures("head")
@pytest.mark.slow
def test_a_run_from_its_submission_to_its_files(upsweep: Run, shared: Path, tmp_path: Path) -> None:
    """Stopped on the way and resumed, it ends with the files of a run on this machine, and all of them arrive."""
    sweep_file = shared.parent / "small.yaml"
    begun = upsweep("submit", sweep_file, *ENDLESS, "--set", "faults.checkpoint_seconds=1")
    assert begun.returncode == 0, begun.stderr
    assert "INFO" not in begun.stderr  # of Ray's
    [name] = begun.stdout.split()
    assert name.startswith("small-")
    until((shared / "runs" / "small" / "epochs.parquet").exists)
    assert " of at most 200000\n" in upsweep("status", name).stdout
    listed = upsweep("list").stdout
    assert f"{name}  running" in listed
    stopped = upsweep("stop", name)
    assert stopped.stdout == f"stopped; go on with: upsweep resume {name}\n", stopped.stderr
    assert "each running trial ends its epoch and keeps its state" in upsweep("logs", name).stdout
    assert f"{name}  stopped" in upsweep("list").stdout
    assert "there is nothing to stop" in refused(upsweep("stop", name))
    (tmp_path / "file").write_text("mine")
    assert "holds other files" in refused(upsweep("fetch", name, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    resumed = upsweep("resume", name)
    assert resumed.returncode == 0, resumed.stderr
    assert f"{name}  running" in upsweep("list").stdout
    assert "is under way" in refused(upsweep("resume", name))
    upsweep("stop", name)


@pytest.mark.slow
@pytest.mark.usefixtures("head")
def test_waiting_shows_the_run_and_exits_as_it_does(upsweep: Run, shared: Path, tmp_path: Path) -> None:
    """What is fetched equals a run on this machine, to the bit."""
    sweep_file = shared.parent / "small.yaml"
    done = upsweep("submit", sweep_file, "--name", "waited", "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    name = done.stdout.splitlines()[0]
    assert "test accuracy: " in done.stdout
    status = upsweep("status", name).stdout
    assert "trials   2: 2 completed\n" in status
    assert "left     nothing\n" in status
    fetched = upsweep("fetch", name, tmp_path / "fetched")
    assert fetched.returncode == 0, fetched.stderr
    here = run(load_sweep(sweep_file, [f"data.root={shared}/images", f"storage={tmp_path}", "name=waited"]))
    assert differences(tmp_path / "fetched", here.folder) == [
        ".fetched.json: is left over",
        "ray: is missing",
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("head")
def test_changed_code_travels_with_the_run(upsweep: Run, shared: Path, tmp_path: Path) -> None:
    """To the driver, which says something else, and to the workers, which train otherwise."""
    pack(ROOT, tmp_path)
    driver, learner = tmp_path / "tuning" / "driver.py", tmp_path / "trainables" / "learner.py"
    driver.write_text(driver.read_text().replace("opening the images of", "opening MY images of"))
    learner.write_text(learner.read_text() + "\nLearner.train_epoch = None\n")
    done = upsweep(
        "submit", shared.parent / "small.yaml", "--name", "mine", "--code", tmp_path, "--wait",
        "--set", "faults.max_failures=0",
    )  # fmt: skip
    assert "opening MY images of" in done.stdout
    assert "'NoneType' object is not callable" in done.stdout
    assert done.returncode == 1
    run = done.stdout.split()[0]
    assert "was submitted with code of its own" in refused(upsweep("resume", run))
    resumed = upsweep("resume", run, "--code", ROOT)
    assert resumed.returncode == 0, resumed.stderr
    followed = upsweep("logs", "-f", run)
    assert "opening MY images of" not in followed.stdout
    until((shared / "runs" / "mine" / "ended.json").exists)


def refused(done: "subprocess.CompletedProcess[str]") -> str:
    """Return what a refused command said; it exits with 2 and shows no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


@pytest.mark.usefixtures("head")
def test_who_has_no_token_or_a_wrong_one_is_refused(
    upsweep: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By a message that repeats no token."""
    wrong = "f" * 64
    monkeypatch.setenv("RAY_AUTH_TOKEN", wrong)
    said = refused(upsweep("list"))
    assert "does not take this token" in said
    assert wrong not in said
    monkeypatch.delenv("RAY_AUTH_TOKEN")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    assert "needs the cluster's token" in refused(upsweep("list"))


@pytest.mark.usefixtures("head")
def test_what_the_cluster_cannot_use_is_refused(upsweep: Run, shared: Path) -> None:
    """By the cluster, in its words: images that are not there."""
    done = upsweep("submit", shared.parent / "small.yaml", "--set", "data.root=none", "--name", "lost")
    assert f"{shared}/none: no such folder" in refused(done)


@pytest.mark.usefixtures("head")
def test_runs_that_are_not_there(upsweep: Run, tmp_path: Path) -> None:
    """Named, with those that there are near; nothing is written."""
    assert "no such run on the cluster" in refused(upsweep("status", "smal-000000"))
    assert "no such run on the cluster" in refused(upsweep("fetch", "small-000000", tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_an_address_that_is_none_or_where_nobody_is(upsweep: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both say what an address is like."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", TOKEN)
    monkeypatch.delenv("UPSWEEP_ADDRESS", raising=False)
    assert "--address: must name the cluster's dashboard" in refused(upsweep("list"))
    for address in ("head:6379", "http://head:99999"):
        assert "give http://HEAD:8265" in refused(upsweep("list", "--address", address))
    assert "cannot be reached" in refused(upsweep("list", "--address", "http://127.0.0.1:9"))


@pytest.mark.usefixtures("head")
def test_another_version_is_refused(shared: Path, head: RayHead) -> None:
    """By the job itself, before it reads anything; it names both."""
    done = subprocess.run(
        ["python", "-m", "tuning.job", "run", "--client", "0.0.1"],
        env=head.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "upsweep on the cluster: is 0.1.0, but yours is 0.0.1; install" in refused(done)
