"""Going on after a kill: the rows, the pick and the test are those of a run without a break."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from data_utils.errors import InputError
from data_utils.sealed_json import sealed
from tests.conftest import Run, save_image
from tests.few_digits import few_digits
from trainables.classifier import CHECKPOINT, RESULTS
from trainables.metrics import PROFILE
from trainables.models import build
from tuning.config import Sweep, load_sweep
from tuning.driver import run
from tuning.journal import FOLDER as JOURNAL
from tuning.journal import checkpoints
from tuning.pinned import check_settings, keep_settings, nothing_was_run
from tuning.plan import plan
from tuning.results import load
from tuning.space import trial_specs

SWEEP = """name: killed
data: {root: ROOT, resize: 64, image_size: 64, batch_size: 10}
model: {arch: alexnet, hidden: 64, init: kaiming}
train: {max_epochs: 10}
search: {points: [{lr: 0.001, step_size: 6}, {lr: 0.001, step_size: 8}]}
faults: {checkpoint_seconds: 1.0e-6}
"""
TIMES = {
    "epochs": ["seconds", "images_per_second"],
    "trials": ["seconds", *PROFILE],
    "test": [],
    "predictions": [],
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sweep file."""
    file = tmp_path_factory.mktemp("sweep") / "sweep.yaml"
    file.write_text(SWEEP.replace("ROOT", str(few_digits())))
    return file


@pytest.fixture(scope="module")
def uninterrupted(file: Path, local_ray: None) -> Path:
    """Run it without a break."""
    result = run(load_sweep(file, [f"storage={file.parent}/whole"]))
    assert result.pick is not None
    assert result.pick.epoch > 2, "the retrain must be long enough to be killed"
    return result.folder


def kill_when(there: Callable[[Path], bool], folder: Path, *arguments: str | Path) -> None:
    """Start the command, and kill it with SIGKILL as soon as the sweep's folder is as wanted."""
    command = Path(sys.executable).with_name("upsweep")
    with subprocess.Popen(
        [command, *arguments], stdout=subprocess.DEVNULL, start_new_session=True
    ) as running:
        end = time.monotonic() + 300
        while not there(folder):
            assert running.poll() is None, "the sweep ended before it was killed"
            assert time.monotonic() < end
            time.sleep(0.02)
        os.kill(running.pid, signal.SIGKILL)


def trial_has_a_checkpoint(folder: Path) -> bool:
    """Whether the first trial has got to its third epoch, at least."""
    mark = folder / JOURNAL / "checkpoint_00000.json"
    return mark.is_file() and json.loads(mark.read_text())["epochs"] >= 2


def retrain_has_begun(folder: Path) -> bool:
    """Whether the retrain has kept a state."""
    return any((folder / JOURNAL).glob("retrain_*_0.pt"))


@dataclass
class Resumed:
    """What became of a sweep that was killed among its trials, lost half of two files, and was killed in its retrain."""

    folder: Path
    refused: subprocess.CompletedProcess[str]
    """The first resume, to which the checkpoint that was cut short is an error."""
    done: subprocess.CompletedProcess[str]
    """The last one."""


@pytest.fixture(scope="module")
def resumed(file: Path, upsweep: Run, tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    """Do all that to it, with a cache of its own."""
    place = tmp_path_factory.mktemp("killed")
    folder = place / "killed"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("UPSWEEP_CACHE", str(place / "cache"))
        kill_when(trial_has_a_checkpoint, folder, "run", file, "--storage", place)
        (store,) = (place / "cache" / "pixels").glob("*.arrow")
        newest = max(folder.glob(f"ray/trial_00000/checkpoint_*/{CHECKPOINT}"))
        for cut in (store, newest):
            os.truncate(cut, cut.stat().st_size // 2)
        refused = upsweep("resume", folder)
        (folder / JOURNAL / "checkpoint_00000.json").unlink()
        kill_when(retrain_has_begun, folder, "resume", folder)
        assert not (folder / "ended.json").exists()
        # As if killed between the end of a trial and that of its checkpoints, in the first attempt or a later one.
        for attempt in (folder / "ray", *(folder / "ray").glob("resumed*")):
            shutil.copytree(folder / JOURNAL, attempt / "trial_00001" / "checkpoint_000000")
        return Resumed(folder, refused, upsweep("resume", folder))


@pytest.mark.slow
def test_a_checkpoint_cut_short_is_refused_with_a_remedy(resumed: Resumed) -> None:
    """Never a silent restart."""
    assert resumed.refused.returncode == 2
    mark = resumed.folder / JOURNAL / "checkpoint_00000.json"
    assert f"drop {mark}" in " ".join(resumed.refused.stderr.split())


@pytest.mark.slow
def test_a_resume_ends_as_a_run_without_a_break(resumed: Resumed, uninterrupted: Path) -> None:
    """All four tables and the model, times aside; and what only a resume needs is gone."""
    folder, done = resumed.folder, resumed.done
    assert done.returncode == 0, done.stdout + done.stderr
    for table, times in TIMES.items():
        ours, theirs = (getattr(load(path), table).drop(columns=times) for path in (folder, uninterrupted))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    assert (folder / "model.safetensors").read_bytes() == (uninterrupted / "model.safetensors").read_bytes()
    left = {path.name for path in folder.iterdir()}
    assert left == {path.name for path in uninterrupted.iterdir()}
    assert not list(folder.rglob("checkpoint_*"))


def test_a_kill_before_anything_was_run_is_gone_on_from(tmp_path: Path) -> None:
    """Its folder holds its settings alone; one that has run without a journal is none such."""
    (tmp_path / "sweep.yaml").touch()
    assert nothing_was_run(tmp_path)
    keep_settings(tmp_path, {}, "digest")
    assert not nothing_was_run(tmp_path)
    shutil.rmtree(tmp_path / JOURNAL)
    (tmp_path / "epochs.parquet").touch()
    assert not nothing_was_run(tmp_path)


def test_a_folder_that_holds_no_sweep_is_refused(upsweep: Run, tmp_path: Path) -> None:
    """With the remedy."""
    refused = upsweep("resume", tmp_path)
    assert refused.returncode == 2
    assert "holds no sweep.yaml; give the folder of a sweep" in refused.stderr


def test_other_settings_are_refused_with_the_difference(file: Path, tmp_path: Path) -> None:
    """An edited sweep.yaml, or other images; where it runs may differ."""
    todo = plan(load_sweep(file, [f"storage={tmp_path}"]))
    keep_settings(tmp_path, todo.pinned, todo.split_digest)
    moved = todo.pinned | {"storage": "/elsewhere"}
    check_settings(tmp_path, moved, todo.split_digest)
    with pytest.raises(InputError, match=r"other settings \(device cpu -> cuda\)"):
        check_settings(tmp_path, todo.pinned | {"device": "cuda"}, todo.split_digest)
    edited = todo.pinned | {"train": todo.settings["train"] | {"max_epochs": 9}}
    with pytest.raises(
        InputError, match=r"other settings \(train\.max_epochs 10 -> 9, split_digest \w+ -> other\)"
    ):
        check_settings(tmp_path, edited, "other")
    shutil.rmtree(tmp_path / JOURNAL)
    with pytest.raises(InputError, match="there is nothing to go on from"):
        check_settings(tmp_path, moved, todo.split_digest)


def test_other_contents_are_refused(images: Path, tmp_path: Path) -> None:
    """Weights of the same name and size, and images of the same names; for a run of before they were written down they are from the
    first resume on."""
    weights = tmp_path / "w.safetensors"
    tensors = {name: torch.zeros_like(t) for name, t in build("squeezenet1_1", 3).state_dict().items()}
    save_file(tensors, weights)
    values = {
        "name": "s", "data": {"root": str(images)}, "model": {"arch": "squeezenet1_1", "weights": str(weights)},
        "search": {"points": [{}]}, "storage": str(tmp_path),
    }  # fmt: skip
    sweep = Sweep.model_validate(values)
    before = plan(sweep)
    keep_settings(tmp_path, before.pinned, "")
    check_settings(tmp_path, plan(sweep).pinned, "")
    size = weights.stat().st_size
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, weights)
    assert weights.stat().st_size == size
    save_image(images / "ant" / "0.jpg", np.zeros((80, 80, 3), np.uint8))
    with pytest.raises(InputError) as raised:
        check_settings(tmp_path, plan(sweep).pinned, "")
    remedy = "restore them, or run a sweep of another --name"
    assert list(raised.value.problems) == [
        f"data.root holds other images than the sweep began with; {remedy}",
        f"model.weights holds other weights than the sweep began with; {remedy}",
    ]
    keep_settings(tmp_path, {key: value for key, value in before.pinned.items() if key != "contents"}, "")
    for _ in range(2):  # a resume that is refused writes nothing down
        with pytest.raises(InputError, match=r"other settings \(split_digest  -> other\)"):
            check_settings(tmp_path, plan(sweep).pinned, "other")
    check_settings(tmp_path, plan(sweep).pinned, "")
    save_file(tensors, weights)
    with pytest.raises(InputError, match=f"^{tmp_path}: model.weights holds other"):
        check_settings(tmp_path, plan(sweep).pinned, "")


def checkpoint(folder: Path, place: int, epochs: int, size: int) -> Path:
    """Write a checkpoint of trial 0 that says it is ten bytes."""
    path = folder / "ray" / "trial_00000" / f"checkpoint_{place:06d}"
    path.mkdir(parents=True)
    (path / CHECKPOINT).write_bytes(b"x" * size)
    (path / RESULTS).write_text(json.dumps({"results": [{}] * epochs, "bytes": 10}))
    return path


def test_one_cut_short_by_a_kill_counts_for_nothing(file: Path, tmp_path: Path) -> None:
    """The one before it is gone on from; without any the trial begins anew."""
    trials = trial_specs(load_sweep(file))
    assert checkpoints(tmp_path, trials) == {}
    checkpoint(tmp_path, 1, epochs=4, size=7)
    assert checkpoints(tmp_path, trials) == {}
    whole = checkpoint(tmp_path, 0, epochs=3, size=10)
    assert checkpoints(tmp_path, trials) == {0: (str(whole / RESULTS), str(whole / CHECKPOINT))}


def test_one_that_was_whole_and_is_not_now_is_an_error(file: Path, tmp_path: Path) -> None:
    """It says what is intact and how to go on from less; never a silent restart."""
    trials = trial_specs(load_sweep(file))
    checkpoint(tmp_path, 0, epochs=3, size=10)
    checkpoint(tmp_path, 1, epochs=4, size=7)
    mark = tmp_path / JOURNAL / "checkpoint_00000.json"
    mark.parent.mkdir()
    mark.write_text(json.dumps({"epochs": 4}))
    with pytest.raises(InputError, match=r"at epoch 4 is gone or cut short; .* can go on from epoch 3: drop"):
        checkpoints(tmp_path, trials)
    mark.unlink()
    assert 0 in checkpoints(tmp_path, trials)


@pytest.mark.parametrize("place", range(5, 40, 7))
def test_a_checkpoint_whose_results_changed_is_no_checkpoint(file: Path, tmp_path: Path, place: int) -> None:
    """Other numbers would be told of the trial."""
    trials = trial_specs(load_sweep(file))
    path = checkpoint(tmp_path, 0, epochs=3, size=10)
    whole = sealed({"results": [{"epoch": 1}, {"epoch": 2}, {"epoch": 3}], "bytes": 10}).encode()
    (path / RESULTS).write_bytes(whole)
    assert 0 in checkpoints(tmp_path, trials)
    (path / RESULTS).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    assert checkpoints(tmp_path, trials) == {}
