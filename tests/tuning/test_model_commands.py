"""The commands on a trained model, on what a real sweep of another network leaves."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.conftest import save_image
from tuning.cli import app
from tuning.config import load_sweep
from tuning.driver import run as run_sweep
from tuning.results import load

ROOT = Path(__file__).parents[2]

SWEEP = """\
name: small
data: {{root: {root}, resize: 40, image_size: 32, batch_size: 4}}
model: {{arch: resnet18, freeze: [conv1, bn1, layer1]}}
train: {{max_epochs: 2, precision: fp32}}
search: {{points: [{{lr: 0.05}}]}}
storage: {storage}
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three classes of nine images each, dark, gray and light, with some noise."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, light in (("dark", 30), ("gray", 120), ("light", 210)):
        for place in range(9):
            noise = rng.integers(0, 40, (48, 48, 3), dtype=np.uint8)
            save_image(root / name / f"{place}.jpg", noise + np.uint8(light))
    return root


@pytest.fixture(scope="module")
def folder(photos: Path, tmp_path_factory: pytest.TempPathFactory, local_ray: None) -> Path:
    """Run a sweep of ResNet18, its first layers frozen, on Ray; return its folder."""
    storage = tmp_path_factory.mktemp("storage")
    file = storage / "sweep.yaml"
    file.write_text(SWEEP.format(root=photos, storage=storage))
    result = run_sweep(load_sweep(file))
    assert result.ok
    return result.folder


@pytest.fixture(scope="module")
def tested(photos: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of the sweep's own test images."""
    root = tmp_path_factory.mktemp("tested")
    for name in pd.read_parquet(folder / "predictions.parquet")["path"]:
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(photos / name, root / name)
    return root


def upsweep(*arguments: str | Path) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: str | Path) -> str:
    """Return what a refused command says."""
    done = upsweep(*arguments)
    assert done.exit_code == 2, done.output
    return done.stderr


def test_a_sweep_of_another_network_ends_with_its_tables(folder: Path) -> None:
    """The frozen modules are a column's text."""
    frames = load(folder)
    assert frames.trials is not None
    assert frames.test is not None
    assert frames.trials["config_arch"].tolist() == ["resnet18"]
    assert frames.trials["config_freeze"].tolist() == ["conv1,bn1,layer1"]
    assert frames.trials["outcome"].tolist() == ["completed"]
    assert frames.test["train_images"].tolist() == [18]


def test_evaluate_on_the_sweeps_own_test_images_gives_its_test(
    folder: Path, tested: Path, tmp_path: Path
) -> None:
    """Accuracies to the bit, and each prediction as `predictions.parquet` has it."""
    out = tmp_path / "p.parquet"
    out.touch()
    arguments = "evaluate", folder, "--data", tested, "--out", out
    assert "is there already; name another with --out, or give --overwrite" in refused(*arguments)
    done = upsweep(*arguments, "--overwrite")
    assert done.exit_code == 0, done.output
    (test,) = pd.read_parquet(folder / "test.parquet").to_dict("records")
    said = {line[:15].strip(): line[16:].strip() for line in done.stdout.splitlines()}
    assert said == {
        "images": "9",
        "classes": "3 of the model's 3",
        "accuracy": f"{100 * test['test_accuracy']:.2f} %",
        "mean per class": f"{100 * test['test_mean_class_accuracy']:.2f} %",
        "loss": f"{test['test_loss']:.4f}",
    }
    ours, theirs = pd.read_parquet(out), pd.read_parquet(folder / "predictions.parquet")
    assert (ours.columns == theirs.columns).all()
    for name in ("sweep", "seed", "path", "label", "predicted"):
        assert ours[name].tolist() == theirs[name].tolist()
    assert ours["probability"].tolist() == pytest.approx(theirs["probability"].tolist(), rel=1e-5)


def test_predict_agrees_and_names_bad_images(folder: Path, tested: Path, tmp_path: Path) -> None:
    """The good ones are predicted all the same; the exit code is 2."""
    theirs = pd.read_parquet(folder / "predictions.parquet")
    (tmp_path / "bad.jpg").write_text("no image")
    paths = [tested / name for name in theirs["path"]]
    done = upsweep("predict", folder, *paths, tmp_path / "bad.jpg", "--format", "json")
    assert done.exit_code == 2
    assert f"{tmp_path}/bad.jpg: cannot identify image file" in done.stderr
    found = json.loads(done.stdout)
    assert [one["path"] for one in found] == [str(path) for path in paths]
    assert [one["top"][0]["class"] for one in found] == theirs["predicted"].tolist()
    assert [one["top"][0]["probability"] for one in found] == pytest.approx(
        theirs["probability"].tolist(), rel=1e-5
    )
    none = upsweep("predict", folder, tmp_path / "bad.jpg")
    assert (none.exit_code, none.stdout) == (2, "")
    table = upsweep("predict", folder, paths[0])
    assert table.exit_code == 0
    assert f"{theirs['predicted'][0]} {100 * theirs['probability'][0]:.2f} %" in table.stdout


def test_features_of_a_run(folder: Path, tested: Path, tmp_path: Path) -> None:
    """A row an image; the average pooling gives ResNet18's 512 numbers."""
    out = tmp_path / "f.parquet"
    done = upsweep("features", folder, tested, "--layer", "avgpool", "--out", out)
    assert done.exit_code == 0, done.output
    table = pq.read_table(out)
    assert table.column_names == ["path", "label", "features"]
    assert table.schema.field("features").type.list_size == 512
    assert table["path"].to_pylist() == pd.read_parquet(folder / "predictions.parquet")["path"].tolist()
    assert table["label"].to_pylist() == [name.partition("/")[0] for name in table["path"].to_pylist()]
    assert table.schema.metadata[b"layer"] == b"avgpool"


def test_features_of_a_weight_file(folder: Path, tested: Path, tmp_path: Path) -> None:
    """The same file as a run has, seen at ImageNet's sizes: its network must be named."""
    out = tmp_path / "f.parquet"
    weights = folder / "model.safetensors"
    arguments = ("features", weights, tested, "--layer", "fc", "--out", out)
    assert upsweep(*arguments, "--arch", "resnet18").exit_code == 0
    assert pq.read_schema(out).field("features").type.list_size == 3
    assert "is there already; name another with --out, or give --overwrite" in refused(
        *arguments, "--arch", "resnet18"
    )
    arguments = (*arguments, "--overwrite")
    assert "--arch: names the network that" in refused(*arguments)
    assert "did you mean 'resnet18'" in refused(*arguments, "--arch", "resnet")
    assert "does not fit: " in refused(*arguments, "--arch", "alexnet")
    assert "--arch: is for a weight file" in refused(
        "features", folder, tested, "--layer", "fc", "--arch", "resnet18"
    )


def test_bad_input_is_named_before_anything_is_computed(folder: Path, tested: Path, tmp_path: Path) -> None:
    """Exit 2, one message each."""
    assert "no such folder; give a sweep's folder" in refused("predict", tmp_path / "none", "x.jpg")
    missing = ("features", tmp_path / "none.pth", tested, "--layer", "fc", "--out", tmp_path / "f.parquet")
    assert "none.pth: no such weight file" in refused(*missing, "--arch", "resnet18")
    assert "holds no model.safetensors" in refused("evaluate", tmp_path, "--data", tested)
    for command in (
        ("predict", folder / "model.safetensors", "x.jpg"),
        ("evaluate", folder / "model.safetensors", "--data", tested),
    ):
        assert "model.safetensors: is a file; give the sweep's folder" in refused(*command)
    assert "cannot be written; name another file with --out" in refused(
        "features", folder, tested, "--layer", "fc", "--out", tmp_path / "none" / "f.parquet"
    )
    assert "there is no 'layer9'; did you mean" in refused("features", folder, tested, "--layer", "layer9")
    broken = shutil.copytree(folder, tmp_path / "broken", ignore=shutil.ignore_patterns("ray"))
    with (broken / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    assert "but model.json is of a model of" in refused("evaluate", broken, "--data", tested)


def test_evaluate_needs_no_ray(folder: Path, tested: Path) -> None:
    """As on a machine that only uses models."""
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from tuning.cli import app\n"
        f"app(['evaluate', {str(folder)!r}, '--data', {str(tested)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
