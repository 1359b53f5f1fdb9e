"""The installed command: what it says and how it exits, on the main job and on every kind of bad input."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from tests.conftest import Run
from tests.few_digits import few_digits
from tuning.config import load_sweep
from tuning.driver import run

ROOT = Path(__file__).parents[2]
QUICKSTART = "experiments/quickstart.yaml"
SHORT = ("--set", "train.max_epochs=1", "--set", "model.hidden=16")


def few_images() -> tuple[str, ...]:
    """Return the settings of a little of the sample, so that an epoch takes no time."""
    return "--set", f"data.root={few_digits()}", "--set", "data.batch_size=10"


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a refused command said; it exits with 2 and shows no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def finished(
    upsweep: Run, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run a short quickstart of two trials on few images, one of which diverges; return what it said and its folder."""
    storage = tmp_path_factory.mktemp("storage")
    points = "search.points=[{lr: 1e25, step_size: 9}, {lr: 0.01, step_size: 9}]"
    done = upsweep(
        "run", QUICKSTART, *SHORT, *few_images(), "--set", points, "--storage", storage, "--name", "mine"
    )
    return done, storage / "mine"


def test_run_says_what_happens_and_how_it_ended(
    finished: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    """Plain lines without a terminal; at the end the trials, the winner, the test, and where the files are."""
    done, folder = finished
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trial 0 diverged after 1 epoch: train_loss: not finite at epoch 1" in done.stdout
    assert "trial 1 completed after 1 epoch, best " in done.stdout
    assert "winner: trial 1, " in done.stdout
    assert "test accuracy: " in done.stdout
    assert f"files: {folder}" in done.stdout
    assert "\x1b" not in done.stdout
    assert "ray" not in done.stderr.lower(), done.stderr


def test_trials_parquet_is_what_pandas_reads(finished: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    """As the README shows it."""
    trials = pd.read_parquet(finished[1] / "trials.parquet")
    assert trials["config_lr"].tolist() == [1e25, 0.01]
    assert trials["outcome"].tolist() == ["diverged", "completed"]


def test_results_shows_a_sweep(
    in_process: Run, finished: tuple[subprocess.CompletedProcess[str], Path]
) -> None:
    """Its trials with their outcomes, and its test; the folder above shows the same."""
    for path in (finished[1], finished[1].parent):
        done = in_process("results", path)
        assert done.returncode == 0
        assert "diverged" in done.stdout
        assert "mean per class" in done.stdout


def test_report_writes_one_file(
    in_process: Run, finished: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    """Of a sweep where it is told to, and of the folder above an overview; a folder without sweeps is named."""
    folder = finished[1]
    assert (folder / "report.html").is_file(), "the run writes it, too"
    done = in_process("report", folder, "--out", tmp_path / "one.html")
    assert done.stdout == f"wrote {tmp_path}/one.html\n"
    assert "<h1>mine</h1>" in (tmp_path / "one.html").read_text()
    assert in_process("report", folder.parent).returncode == 0
    assert 'href="mine/report.html"' in (folder.parent / "report.html").read_text()
    (tmp_path / "empty").mkdir()
    assert "holds no sweep's tables" in said(in_process("report", tmp_path / "empty"))


def test_an_existing_name_is_refused_unless_overwritten(
    in_process: Run, finished: tuple[subprocess.CompletedProcess[str], Path]
) -> None:
    """Nothing of it is lost by the refusal."""
    folder = finished[1]
    before = (folder / "trials.parquet").read_bytes()
    done = in_process("run", QUICKSTART, *SHORT, "--storage", folder.parent, "--name", "mine")
    assert "is there already; give another --name, or --overwrite to replace it" in said(done)
    assert (folder / "trials.parquet").read_bytes() == before


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
def test_when_every_trial_diverges_it_exits_with_1_and_keeps_the_rows(
    in_process: Run, tmp_path: Path
) -> None:
    """A clear message, no traceback, and no retrain."""
    points = "search.points=[{lr: 1e25}]"
    done = in_process("run", QUICKSTART, *SHORT, *few_images(), "--set", points, "--storage", tmp_path)
    assert done.returncode == 1
    assert "no winner: every trial diverged" in done.stdout
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "quickstart").iterdir()) == [
        "ended.json", "epochs.parquet", "ray", "report.html", "sweep.yaml", "trials.parquet",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("local_ray")
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(("model.arch=vgg11", "model.hidden=256"), id="vgg11"),
        pytest.param(("model.freeze=classifier",), id="classifier"),
    ],
)
def test_the_quickstart_with_another_network(tmp_path: Path, images: Path, settings: tuple[str, ...]) -> None:
    """Each ends with its four tables; on few images, since VGG11 takes its time."""
    overrides = [
        f"data.root={images}",
        f"storage={tmp_path}",
        "train.max_epochs=1",
        "search.points=[{lr: 0.001}]",
    ]
    assert run(load_sweep(ROOT / QUICKSTART, [*overrides, *settings])).ok
    assert len(list((tmp_path / "quickstart").glob("*.parquet"))) == 4


def test_what_has_ended_is_not_gone_on_with(
    in_process: Run, finished: tuple[subprocess.CompletedProcess[str], Path]
) -> None:
    """Exit 0, and nothing is run."""
    left = finished[1] / ".journal.part"  # by a kill at the very end
    left.mkdir()
    again = in_process("resume", finished[1])
    assert not left.exists()
    assert again.returncode == 0
    assert "has ended; there is nothing to go on with" in again.stdout


def test_validate_says_what_would_be_done_and_does_nothing(in_process: Run, tmp_path: Path) -> None:
    """Trials, classes, split sizes, resources, disk."""
    done = in_process("validate", QUICKSTART, "--storage", tmp_path / "runs")
    assert done.returncode == 0
    assert "4 of at most 10 epochs" in done.stdout
    assert "601 train, 600 validation, 596 test" in done.stdout
    for word in ("classes    10 (eight, five, four, nine, one, ...)", "resources", "disk", "digest"):
        assert word in done.stdout
    assert not (tmp_path / "runs").exists()


def test_validate_says_what_is_not_used(in_process: Run, images: Path) -> None:
    """Files in class folders that are no images by their extensions."""
    (images / "ant" / "0.gif").write_bytes(b"")
    done = in_process("validate", QUICKSTART, "--set", f"data.root={images}")
    assert "classes    3 (ant, bee, cat)\n" in done.stdout
    assert "unused     1 file: .gif 1; images end in one of .jpg, " in done.stdout


def test_data_info_shows_the_cache(
    in_process: Run, finished: tuple[subprocess.CompletedProcess[str], Path]
) -> None:
    """Where it is and what it holds."""
    done = in_process("data", "info")
    assert done.returncode == 0
    assert "cache: " in done.stdout
    assert "pixels" in done.stdout


def test_data_sample_writes_a_folder_that_validates(in_process: Run, tmp_path: Path) -> None:
    """And refuses to write it twice."""
    folder = tmp_path / "digits"
    assert in_process("data", "sample", folder).returncode == 0
    assert in_process("validate", QUICKSTART, "--set", f"data.root={folder}").returncode == 0
    assert "not an empty folder" in said(in_process("data", "sample", folder))


# Bad input: each has its own message, and nothing is trained.


def refused(in_process: Run, storage: Path, *settings: str) -> str:
    """Return what `run` says to these settings; no folder is made for the sweep."""
    overrides = [part for setting in settings for part in ("--set", setting)]
    message = said(in_process("run", QUICKSTART, *overrides, "--storage", storage / "runs"))
    assert not (storage / "runs" / "quickstart").exists()
    return message


def test_no_such_folder(in_process: Run, tmp_path: Path) -> None:
    """Named, with the setting that names it."""
    assert f"{tmp_path}/none: no such folder; data.root names" in refused(
        in_process, tmp_path, f"data.root={tmp_path}/none"
    )


def test_no_images(in_process: Run, tmp_path: Path) -> None:
    """Named, with what was looked for."""
    (tmp_path / "empty" / "ant").mkdir(parents=True)
    assert "empty: no images; expected class folders" in refused(
        in_process, tmp_path, f"data.root={tmp_path}/empty"
    )


def test_lists_that_do_not_fit(in_process: Run, tmp_path: Path, images: Path) -> None:
    """A class without a folder and a missing image, both at once, with file and line."""
    (images / "train.txt").write_text("ant/0.jpg\nant/77.jpg\ndog/0.jpg\nbee/0.jpg\n")
    (images / "test.txt").write_text("cat/0.jpg\n")
    message = refused(in_process, tmp_path, f"data.root={images}")
    assert "train.txt:2: listed image 'ant/77.jpg' is missing" in message
    assert "train.txt:3: class 'dog' has no folder" in message


@pytest.mark.usefixtures("local_ray")
def test_images_that_cannot_be_decoded(in_process: Run, tmp_path: Path, images: Path) -> None:
    """All at once; `on_bad_image=skip` leaves them out and records which."""
    whole = (images / "ant" / "1.jpg").read_bytes()
    (images / "ant" / "1.jpg").write_bytes(whole[:300])
    (images / "bee" / "2.jpg").write_text("no image")
    message = refused(in_process, tmp_path, f"data.root={images}")
    assert "2 of 18 images" in message
    assert "ant/1.jpg: " in message
    assert "bee/2.jpg: " in message
    assert "data.on_bad_image=skip" in message
    few = ["train.max_epochs=1", "model.hidden=16", "search.points=[{lr: 0.001}]"]
    skip = [f"data.root={images}", f"storage={tmp_path}", "data.on_bad_image=skip", "retrain=null", *few]
    assert run(load_sweep(ROOT / QUICKSTART, skip)).ok
    skipped = pd.read_parquet(tmp_path / "quickstart" / "skipped.parquet")
    assert skipped["path"].tolist() == ["ant/1.jpg", "bee/2.jpg"]


def test_an_empty_validation_split(in_process: Run, tmp_path: Path, images: Path) -> None:
    """Named, with a remedy."""
    (images / "train.txt").write_text("ant/0.jpg\n")
    (images / "test.txt").write_text("cat/0.jpg\n")
    assert "the validation split is empty" in refused(in_process, tmp_path, f"data.root={images}")


def test_a_sweep_file_with_everything_wrong(in_process: Run, tmp_path: Path) -> None:
    """Unknown key, wrong type and impossible value, all at once, each with its line."""
    path = tmp_path / "bad.yaml"
    path.write_text(
        "name: bad\n"
        "data: {root: sample}\n"
        "model: {arch: alexnet}\n"
        "train:\n"
        "  epochs: 3\n"
        "  max_epochs: many\n"
        "  gamma: -1\n"
        "search: {points: [{lr: 0.1}]}\n"
    )
    message = said(in_process("run", path, "--storage", tmp_path))
    assert "3 problems" in message
    assert "line 5: train.epochs: unknown key; did you mean 'max_epochs'?" in message
    assert "line 6: train.max_epochs: must be a whole number, but got 'many'" in message
    assert "line 7: train.gamma: must be more than 0" in message


def test_a_weight_file_that_does_not_fit(in_process: Run, tmp_path: Path) -> None:
    """With both shapes."""
    path = tmp_path / "odd.safetensors"
    save_file({"features.0.weight": torch.zeros(2, 3, 11, 11)}, path)
    message = refused(in_process, tmp_path, f"model.weights={path}")
    assert "features.0.weight is (2, 3, 11, 11) in the file, (64, 3, 11, 11) in the network" in message


def test_more_gpus_than_there_are(in_process: Run, tmp_path: Path) -> None:
    """With both numbers."""
    message = refused(in_process, tmp_path, "resources.gpus=64")
    assert "resources.gpus: a trial asks for 64 but the cluster has" in message


def test_a_storage_that_cannot_be_written(in_process: Run, tmp_path: Path) -> None:
    """A file stands where the folder should go."""
    (tmp_path / "file").write_text("")
    message = said(in_process("run", QUICKSTART, "--storage", tmp_path / "file" / "runs"))
    assert f"storage: '{tmp_path}/file/runs' cannot be written" in message


def test_an_unknown_data_set(in_process: Run, tmp_path: Path) -> None:
    """Named, with those there are."""
    assert "no such data set; there is caltech101" in said(in_process("data", "fetch", "imagenet", tmp_path))


def test_problems_of_different_kinds_come_together(in_process: Run, tmp_path: Path) -> None:
    """One attempt shows them all."""
    message = refused(
        in_process, tmp_path, f"data.root={tmp_path}/none", "resources.gpus=64", "data.image_size=32"
    )
    for part in (
        "no such folder",
        "resources.gpus",
        "data.image_size: alexnet needs at least 63 pixels a side",
    ):
        assert part in message
