"""What a `track` section may not say, refused before anything is trained."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from data_utils.errors import InputError
from tests.tuning.toys import toy_sweep
from tuning.config import load_sweep
from tuning.plan import plan

QUICKSTART = "experiments/quickstart.yaml"


def refused(track: dict[str, Any], storage: Path) -> str:
    """Return what the plan says to a `track` section."""
    with pytest.raises(InputError) as error:
        plan(toy_sweep(storage, "refused", track, 1, 1))
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "value"), [("mlflow", {"uri": "http://127.0.0.1:9"}), ("wandb", {"project": "x"})]
)
def test_a_package_that_is_not_installed(
    name: str, value: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named, with what installs it."""
    monkeypatch.setitem(sys.modules, name, None)  # what makes Python raise as for a package that is not there
    assert f"pip install 'upsweep[{name}]'" in refused({name: value}, tmp_path)


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    """Named by its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert f"no MLflow server answers at {uri}" in refused({"mlflow": {"uri": uri}}, tmp_path)


@pytest.mark.parametrize(
    "override",
    [
        "track.mlflow.uri=http://me:sesame@host:5000",
        "track.mlflow.uri=http://me:ses@ame@host:5000/?sesame",
        "track.mlflow=http://me:sesame@host",
        "track.mlflow={uri: 'http://me:sesame@host', experimnt: x}",
        "track.wandb.api_key=sesame",
        "track.wandb={project: x, mode: sesame}",
        "track.mlflow.uri: http://me:sesame@host",
        "track.mlflow.uri=[http://me:sesame@host",
    ],
)
def test_a_secret_is_refused_and_not_repeated(override: str) -> None:
    """Wherever in the section it stands, and however it is written."""
    with pytest.raises(InputError) as error:
        load_sweep(QUICKSTART, [override])
    assert "sesame" not in str(error.value)
    assert "track" in str(error.value)


def test_a_password_in_the_address_is_refused_with_the_remedy() -> None:
    """The environment is where it belongs."""
    with pytest.raises(InputError, match="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"):
        load_sweep(QUICKSTART, ["track.mlflow.uri=http://me:sesame@host:5000"])


def test_nothing_imports_a_tracker_unless_asked() -> None:
    """They take seconds to import."""
    check = "import sys, tuning.driver; sys.exit(any(name in sys.modules for name in ('mlflow', 'wandb')))"
    assert (
        subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[2], check=False).returncode
        == 0
    )
