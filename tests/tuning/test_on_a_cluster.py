"""Sweeps on a real cluster that asks for a token: a head without cores, and nodes that are processes of this machine."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import Run, write_images
from tests.few_digits import few_digits
from tests.small_cluster import SmallCluster, stop

ROOT = Path(__file__).parents[2]
TINY = (
    "--set", "data.resize=64", "--set", "data.image_size=64", "--set", "data.batch_size=10", "--set", "model.hidden=16",
    "--set", "train.max_epochs=1", "--set", "search.points=[{lr: 0.01}, {lr: 0.001}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallCluster]:
    """Start a head without cores and a node with two; this process has what it takes to be let in."""
    with SmallCluster(tmp_path_factory.mktemp("cluster")) as cluster, pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        cluster.add(cpus=2)
        yield cluster


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said that ended as it does on bad input."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_who_has_no_token_is_refused(
    small: SmallCluster, upsweep: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what it takes to get one; Ray itself would end the process."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    message = refused(upsweep("run", "experiments/quickstart.yaml", "--address", small.address))
    assert message.startswith(
        f"--address {small.address}: needs the cluster's token, and {tmp_path}/none is not there"
    )


def test_who_has_another_token_is_refused(
    small: SmallCluster, upsweep: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, and neither token is said."""
    other = tmp_path / "other"
    other.touch(0o600)
    other.write_text("b" * 64)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(other))
    message = refused(upsweep("validate", "experiments/quickstart.yaml", "--address", small.address))
    assert message == (
        f"--address {small.address}: does not take this token; copy the cluster's own to this machine, mode 600\n"
    )


def test_validate_says_where_trials_would_run(small: SmallCluster, upsweep: Run) -> None:
    """Two cores are lent, and the head lends none."""
    done = upsweep("validate", "experiments/quickstart.yaml", "--address", small.address)
    assert done.returncode == 0, done.stderr
    assert "4 of at most 10 epochs, 2 at once" in done.stdout
    assert f"hosts      room for 2 on {os.uname().nodename}\n" in done.stdout


@pytest.mark.slow
def test_a_sweep_runs_where_the_cores_are(small: SmallCluster, upsweep: Run, tmp_path: Path) -> None:
    """Its trials, the retrain and the test; and a local run leaves the same rows."""
    few = ("--set", f"data.root={few_digits()}")
    for storage, where in (("there", ("--address", small.address)), ("here", ())):
        done = upsweep(
            "run", "experiments/quickstart.yaml", *TINY, *few, "--storage", tmp_path / storage, *where
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for table in ("epochs", "test", "predictions"):
        there, here = (
            pd.read_parquet(tmp_path / side / "quickstart" / f"{table}.parquet").drop(
                columns=["seconds", "images_per_second"], errors="ignore"
            )
            for side in ("there", "here")
        )
        assert there.equals(here), table


ON_BOTH = """
import os
import sys
import time

from tuning import cluster
from tuning.nodes import nodes
from tuning.ray_inside import free_resources

def work(name):
    yield f"{name} begun"
    if name == "lost":
        time.sleep(1)  # until that is told
        os.kill(os.getpid(), 9)
    time.sleep(2)
    yield f"{name} done"

def keep_busy():
    time.sleep(600)

cluster.start(sys.argv[1])
one, other = [node for node in nodes() if node.cpus]
print(*sorted(cluster.on_first(work, [(one, ("lost",)), (other, ("found",))], 1, 0)), sep=", ")
busy = cluster.on_node(one, keep_busy, num_cpus=2).remote()
while free_resources()[one.id][0]:
    time.sleep(0.1)
print(*cluster.on_first(work, [(one, ("late",)), (other, ("early",))], 1, 0), sep=", ")
"""


@pytest.mark.slow
def test_work_for_each_machine_waits_for_none(small: SmallCluster) -> None:
    """One that is lost is no loss as long as another ends; one that others keep busy is given up when another has ended."""
    second = small.add(cpus=2)
    try:
        done = subprocess.run(
            [sys.executable, "-c", ON_BOTH, small.address],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
    finally:
        stop(second)
    assert done.returncode == 0, done.stderr
    # And not what Ray says of the death.
    said = [line for line in done.stdout.splitlines() if "begun" in line]
    assert said == ["found begun, found done, lost begun", "early begun, early done"]


@pytest.mark.slow
def test_a_machine_that_differs_is_refused_before_the_first_trial(
    small: SmallCluster, upsweep: Run, tmp_path: Path
) -> None:
    """A storage that is not shared, other images under the same path, another version: all at once, with its name."""
    images, storage = write_images(tmp_path / "images"), tmp_path / "storage"
    storage.mkdir()
    others = tmp_path / "others"
    shutil.copytree(images, others)
    (others / "ant" / "0.jpg").write_bytes(b"another")
    version = tmp_path / "path" / "upsweep-9.9.dist-info"
    version.mkdir(parents=True)
    (version / "METADATA").write_text("Metadata-Version: 2.1\nName: upsweep\nVersion: 9.9\n")
    prepared = (
        f"hostname odd && mount -t tmpfs none {shlex.quote(str(storage))} && "
        f'mount --bind {shlex.quote(str(others))} {shlex.quote(str(images))} && exec "$@"'
    )
    inside = ("unshare", "--mount", "--uts", "--", "sh", "-c", prepared, "sh")
    if (tried := subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"this machine allows no namespaces: {tried.stderr.strip()}")
    odd = small.add(
        cpus=1,
        environment={"PYTHONPATH": f"{version.parent}:{os.environ.get('PYTHONPATH', '')}"},
        inside=inside,
    )
    try:
        done = upsweep(
            "run", ROOT / "experiments/quickstart.yaml", *TINY, "--set", f"data.root={images}", "--storage", storage,
            "--address", small.address, cwd=tmp_path,  # a checkout's own version would be told, as its code would run
        )  # fmt: skip
    finally:
        stop(odd)
    message = refused(done)
    assert "3 problems" in message
    here = os.uname().nodename
    assert f"machine odd: has upsweep 9.9, and {here} has " in message
    assert (
        f"machine odd: data.root: {images} holds other images than on {here}, by their names and sizes"
        in message
    )
    assert (
        f"machine odd: storage: what {here} writes to {storage} is not seen there; share that folder"
        in message
    )
    assert sorted(path.name for path in storage.iterdir() if not path.name.startswith(".quickstart")) == []


@pytest.mark.slow
def test_a_machine_that_joins_gets_trials(small: SmallCluster, upsweep: Run, tmp_path: Path) -> None:
    """Nothing about how many run at once is fixed at the start."""
    inside = ("unshare", "--uts", "--", "sh", "-c", 'hostname late && exec "$@"', "sh")
    if (tried := subprocess.run([*inside, "true"], capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"this machine allows no namespaces: {tried.stderr.strip()}")
    long = ("--set", "train.max_epochs=40", "--set", "stop.up=null", "--set", "retrain=null")
    grid = ("--set", "search={grid: {lr: [0.01, 0.001], seed: [0, 1, 2, 3, 4]}}")
    data = ("--set", f"data.root={few_digits()}")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(
            upsweep, "run", "experiments/quickstart.yaml", *TINY, *long, *grid, *data,
            "--storage", tmp_path, "--address", small.address,
        )  # fmt: skip
        while not running.done() and not (tmp_path / "quickstart" / "epochs.parquet").exists():
            time.sleep(0.2)
        late = small.add(cpus=2, inside=inside)
        try:
            done = running.result()
        finally:
            stop(late)
    assert done.returncode == 0, done.stdout + done.stderr
    trials = pd.read_parquet(tmp_path / "quickstart" / "trials.parquet")
    assert set(trials["host"]) == {os.uname().nodename, "late"}
