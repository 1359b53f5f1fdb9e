"""The driver on a real Ray: outcomes of toy curves, rows that depend on no order, and what is refused."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from data_utils.batches import EvalBatches
from data_utils.errors import InputError
from data_utils.normalization import Normalization
from data_utils.pixel_source import PixelSource
from data_utils.prepared import prepare
from tests.few_digits import few_digits
from trainables.learner import Learner
from trainables.metrics import PROFILE
from trainables.models import build
from trainables.precision import used_precision
from trainables.recipe import Recipe
from trainables.toy import ToyTrainable
from tuning.config import Sweep, load_sweep
from tuning.driver import claim_folder, run, try_report
from tuning.plan import plan
from tuning.recorder import INDEX, Recorder
from tuning.records import Outcome, make_stopper
from tuning.results import load
from tuning.retrain import Diverged, Failed, Paused, Retrained, retrain
from tuning.space import trial_specs
from tuning.trials import run_trials

pytestmark = pytest.mark.usefixtures("local_ray")


def sample_sweep(storage: Path, **changes: Any) -> Sweep:
    """Return a short sweep of a little of the sample."""
    values: dict[str, Any] = {
        "name": "short",
        "data": {"root": str(few_digits()), "resize": 64, "image_size": 64, "batch_size": 10},
        "model": {"arch": "alexnet", "hidden": 16, "init": "kaiming"},
        "train": {"max_epochs": 2},
        "search": {"points": [{"lr": 0.01}, {"lr": 1e25}, {"lr": 0.001}]},
        "storage": str(storage),
    }
    return Sweep.model_validate(values | changes)


def run_toys(folder: Path, *kinds: str) -> Recorder:
    """Run a toy of each kind for at most forty epochs under the paper's rules."""
    sweep = sample_sweep(
        folder,
        train={"max_epochs": 40},
        search={"points": [{"lr": 0.1 / (i + 1)} for i in range(len(kinds))]},
    )
    recorder = Recorder(sweep, trial_specs(sweep))
    run_trials(
        ToyTrainable,
        [{INDEX: i, "kind": kind, "max_epochs": 40} for i, kind in enumerate(kinds)],
        folder=folder,
        cpus=1,
        gpus=0,
        max_concurrent=None,
        stopper=make_stopper(sweep.stop),
        callbacks=[recorder],
    )
    return recorder


def test_toy_curves_end_as_the_rules_say(tmp_path: Path) -> None:
    """Rise runs through; overfit peaks at 10 and stops at 35; flat at 30; diverge at 5; crash errors at 4."""
    recorder = run_toys(tmp_path, "rise", "overfit", "flat", "diverge", "crash")
    rows = recorder.trials()
    assert [(row.outcome, row.epochs_run) for row in rows] == [
        (Outcome.COMPLETED, 40),
        (Outcome.STOPPED_UP, 35),
        (Outcome.STOPPED_UP, 30),
        (Outcome.DIVERGED, 5),
        (Outcome.ERRORED, 3),
    ]
    assert rows[1].best_epoch == 10
    error = rows[4].error
    assert error is not None
    assert "the toy crashes at epoch 4, as told" in error
    assert "error.txt" in error
    assert rows[0].host


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the short sweep, with a checkpoint after every epoch; return its folder."""
    result = run(sample_sweep(tmp_path_factory.mktemp("storage"), faults={"checkpoint_seconds": 1e-6}))
    assert result.ok
    return result.folder


def test_a_sweep_leaves_its_files(short: Path) -> None:
    """Exactly these, and Ray's folder."""
    assert sorted(path.name for path in short.iterdir()) == [
        "ended.json", "epochs.parquet", "model.json", "model.safetensors", "predictions.parquet", "ray", "report.html",
        "sweep.yaml", "test.parquet", "trials.parquet",
    ]  # fmt: skip


def test_the_report_knows_that_the_sweep_has_ended(short: Path) -> None:
    """It is written after `ended.json`."""
    assert "has not ended" not in (short / "report.html").read_text(encoding="utf-8")


def test_every_trial_has_a_tensorboard_file_and_no_checkpoint_is_left(short: Path) -> None:
    """Ray's own logger writes the first; checkpoints were taken, and a finished trial needs none."""
    trials = load(short).trials
    assert trials is not None
    assert (trials["seconds_checkpoint"] > 0).tolist() == [
        True,
        False,
        True,
    ]  # the diverged one had no first epoch
    for trial in ("trial_00000", "trial_00001", "trial_00002"):
        assert len(list((short / "ray" / trial).glob("events.out.tfevents.*"))) == 1
    assert not list(short.rglob("checkpoint_*"))


def test_the_model_is_saved_with_what_it_takes_to_use_it(short: Path) -> None:
    """Built from its card and loaded, it gives the recorded test accuracy."""
    card = json.loads((short / "model.json").read_text())
    assert card["precision"] == used_precision("auto", torch.device("cpu"))
    frames, data = load(short), prepare(str(few_digits()), resize=card["transform"]["resize"])
    assert card["classes"] == data.classes
    model = build(card["arch"], len(card["classes"]), short / "model.safetensors", hidden=card["hidden"])
    normalization = Normalization(card["transform"]["mean"], card["transform"]["std"])
    source = PixelSource(data.store, card["transform"]["image_size"], normalization, torch.device("cpu"))
    evaluation = Learner(model, lr=1.0, step_size=1, precision=card["precision"]).evaluate(
        EvalBatches(source, data.splits.test, 256)
    )
    assert frames.test is not None
    assert evaluation.accuracy == pytest.approx(card["test_accuracy"], abs=0.002)  # batches of other sizes
    assert frames.test["test_accuracy"].item() == card["test_accuracy"]


def test_a_trial_says_where_its_time_went(short: Path) -> None:
    """Training and validation make up its epochs; start and checkpoints come on top."""
    trials = load(short).trials
    assert trials is not None
    parts = trials["seconds_train"] + trials["seconds_validate"]
    assert parts.tolist() == pytest.approx(trials["seconds"].tolist())
    assert (trials["seconds_start"] > 0).all()
    assert (trials["seconds_data"] <= parts).all()


def test_a_diverged_trial_keeps_its_rows_and_another_wins(short: Path) -> None:
    """The rows before the flag are finite, and test images are tested once each."""
    frames = load(short)
    assert frames.trials is not None
    assert frames.test is not None
    assert frames.predictions is not None
    assert frames.trials["outcome"].tolist() == ["completed", "diverged", "completed"]
    assert frames.test["trial"].item() in (0, 2)
    assert frames.test["train_images"].item() == 80
    assert len(frames.predictions) == frames.predictions["path"].nunique() == 40
    right = (frames.predictions["label"] == frames.predictions["predicted"]).mean()
    assert frames.test["test_accuracy"].item() == pytest.approx(right)


@pytest.mark.slow
def test_the_same_sweep_gives_the_same_rows(short: Path, tmp_path: Path) -> None:
    """Times and places aside, whatever ran beside what: here one trial after the other."""
    again = run(sample_sweep(tmp_path, resources={"max_concurrent": 1}))
    first, second = load(short), load(again.folder)
    for name, aside in (
        ("epochs", ["seconds", "images_per_second"]),
        ("trials", ["seconds", *PROFILE]),
        ("test", []),
    ):
        ours, theirs = (getattr(frames, name).drop(columns=aside) for frames in (first, second))
        assert ours.equals(theirs), name
    assert first.predictions is not None
    assert first.predictions["probability"].equals(second.predictions["probability"])  # type: ignore[index]


def test_a_report_that_fails_is_told_of_and_no_more(short: Path, tmp_path: Path) -> None:
    """The run goes on to its end; here a table is torn, so that the report really fails."""
    shutil.copytree(short, tmp_path / "copy", ignore=shutil.ignore_patterns("ray", "report.html"))
    (tmp_path / "copy" / "trials.parquet").write_bytes(b"PAR1 and no more")
    said: list[str] = []
    try_report(tmp_path / "copy", said.append)
    assert len(said) == 2
    assert said[1].startswith("no report: ")
    assert f"`upsweep report {tmp_path}/copy` tries again" in said[1]
    assert not (tmp_path / "copy" / "report.html").exists()


def test_a_folder_in_use_is_refused_unless_it_is_a_sweeps_to_overwrite(tmp_path: Path) -> None:
    """Another's folder is left alone even then; the plan says so before anything is computed."""
    sweep = sample_sweep(tmp_path)
    claim_folder(plan(sweep))
    with pytest.raises(InputError, match=f"name: {sweep.folder} is there already"):
        claim_folder(plan(sweep, overwrite=True))
    with pytest.raises(
        InputError, match=r"is there already; give another --name, or --overwrite to replace it$"
    ):
        plan(sweep)
    (sweep.folder / "journal").mkdir()
    with pytest.raises(
        InputError, match=f"has not ended well: upsweep resume {sweep.folder} goes on with it; or give"
    ):
        plan(sweep)
    (sweep.folder / "old").touch()
    claim_folder(plan(sweep, overwrite=True), overwrite=True)
    assert [path.name for path in sweep.folder.iterdir()] == ["sweep.yaml"]
    (sweep.folder / "sweep.yaml").rename(sweep.folder / "precious")
    with pytest.raises(InputError, match="holds no sweep"):
        plan(sweep, overwrite=True)
    assert (sweep.folder / "precious").exists()


def test_the_sweep_file_beside_the_results_is_resolved_and_runs_again(tmp_path: Path) -> None:
    """What was `auto` or relative is written out, and the file is a sweep file."""
    sweep = sample_sweep(tmp_path)
    claim_folder(plan(sweep))
    again = load_sweep(sweep.folder / "sweep.yaml")
    assert (again.data.transform, again.resources.gpus, again.storage) == ("scratch", 0.0, str(tmp_path))
    assert trial_specs(again) == trial_specs(sweep)


@pytest.mark.slow
def test_an_interrupt_keeps_the_rows_and_retrains_nothing(tmp_path: Path) -> None:
    """Ray turns the first Ctrl-C into an early end; an unfinished sweep has no winner."""
    sweep = sample_sweep(
        tmp_path, train={"max_epochs": 500}, search={"points": [{"lr": 0.01}]}, stop={"up": None}
    )
    seen: list[int] = []

    def look_and_interrupt() -> None:
        while not (sweep.folder / "epochs.parquet").exists():
            time.sleep(0.1)
        seen.append(len(load(sweep.folder).epochs))  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGINT)

    watching = threading.Thread(target=look_and_interrupt, daemon=True)
    watching.start()
    result = run(sweep)
    watching.join()
    assert seen[0] > 0  # the tables can be read while it runs
    assert result.interrupted
    assert result.pick is None
    assert not result.ok
    assert {path.name for path in result.folder.glob("*.parquet")} == {"epochs.parquet", "trials.parquet"}
    assert "the sweep was interrupted" in (result.folder / "report.html").read_text()
    assert result.trials[0].outcome is Outcome.STOPPED_SCHEDULER


def test_a_retrain_that_fails_loses_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed whose task dies is an end of its own, and the other's test stands; a resume tries that seed again.

    Whoever asks meanwhile is not told of the sweep's last end, with failures.
    """
    sweep = sample_sweep(tmp_path, retrain={"seeds": [0, 1]}, search={"points": [{"lr": 0.01}]})
    ending = sweep.folder / "ended.json"
    monkeypatch.setattr("tuning.retraining.retrain", dies_with_seed_one)
    result = run(sweep)
    assert not result.ok
    kept, failed = result.retrained
    assert isinstance(kept, Retrained)
    lower = "lower resources.max_concurrent, so that fewer trials run at once, or data.batch_size, data.eval_batch_size or data.image_size"
    assert failed == Failed(1, f"MemoryError: out of memory, as told; {lower}")
    test = load(result.folder).read("test")
    assert test["seed"].tolist() == [0]
    assert (result.folder / "model.safetensors").exists()
    assert ending.exists()
    monkeypatch.setattr("tuning.retraining.retrain", looking_for(ending))
    assert run(sweep, resume=True).ok
    assert ending.exists()
    again = load(result.folder).read("test")
    assert again["seed"].tolist() == [0, 1]
    assert again["test_loss"][0] == test["test_loss"][0]


def looking_for(file: Path) -> Any:
    """Return a retrain that refuses to begin where there is a file."""

    def looking(*arguments: Any) -> Iterator[int | Retrained | Diverged | Paused]:
        assert not file.exists()
        yield from retrain(*arguments)

    return looking


def dies_with_seed_one(
    recipe: Recipe, epochs: int, seed: int, device: str, threads: int, *rest: Any
) -> Iterator[int | Retrained | Diverged]:
    """Retrain, but raise for seed 1."""
    if seed == 1:
        raise MemoryError("out of memory, as told")
    yield from retrain(recipe, epochs, seed, device, threads, *rest)
