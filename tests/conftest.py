"""What tests share: a cache of their own, tiny folders of images, the installed command, one Ray."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.mlflow_server import MlflowServer
from tests.s3_server import S3Server

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep what tests decode apart from the user's cache; commands that tests start see it too."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["UPSWEEP_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def caltech101() -> Path:
    """Return Caltech-101's folder."""
    if not (place := os.environ.get("UPSWEEP_CALTECH101")):
        pytest.skip("UPSWEEP_CALTECH101 does not name Caltech-101's folder")
    return Path(place)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Return a folder of three classes with six small JPEGs each, of different sizes, no two alike."""
    return write_images(tmp_path / "images")


def write_images(root: Path) -> Path:
    """Write what `images` returns."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("ant", "bee", "cat")):
        for place in range(6):
            height, width = 70 + 3 * place, 90 - 2 * label
            save_image(root / name / f"{place}.jpg", rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return root


def save_image(path: Path, pixels: np.ndarray) -> None:
    """Save (height, width, 3) pixels, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Start an S3 server, and name it and keys to it in the environment, as a user does."""
    with S3Server() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", server.endpoint)
        environment.setenv("AWS_REGION", "us-east-1")
        environment.setenv("AWS_ACCESS_KEY_ID", "key-of-a-test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-test")
        yield server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """Start an MLflow server."""
    with MlflowServer(tmp_path_factory.mktemp("mlflow") / "server") as server:
        yield server


@pytest.fixture(scope="session")
def upsweep(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs the installed command and returns what it said."""
    command = Path(sys.executable).with_name("upsweep")

    def run(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *map(str, arguments)],
            cwd=cwd or Path(__file__).parents[1],
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )

    return run


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return what `upsweep` returns, but for a process of its own, whose imports take seconds."""
    from tuning import cli

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        typed = ["upsweep", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", typed)
        monkeypatch.chdir(Path(__file__).parents[1])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.app()
        said = capfd.readouterr()
        return subprocess.CompletedProcess(typed, int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt, as in a terminal; pytest's own workers ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """Start Ray on this machine, for the tests that share it."""
    import ray

    from tuning import cluster

    cluster.start()
    yield
    alive = ray.is_initialized()
    ray.shutdown()
    assert alive, "a test has shut down the Ray that it shares with others"
