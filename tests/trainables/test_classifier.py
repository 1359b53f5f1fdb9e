"""The Ray adapter, without a cluster: the same numbers after a save, and after another trial's use."""

from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import torch

from data_utils.errors import InputError
from data_utils.folder import ImageFolder
from tests.few_digits import few_digits
from trainables.alike import UnlikeMachineError, of_this_machine
from trainables.classifier import ClassifierTrainable, _read_results
from trainables.recipe import Recipe

RECIPE = Recipe(
    root="sample", split_seed=0, on_bad_image="error", resize=64, image_size=64, transform="scratch", batch_size=100,
    eval_batch_size=300, arch="alexnet", weights=None, freeze=None, hidden=16, init="kaiming", lr=0.01, step_size=2,
    momentum=0.9, weight_decay=5e-5, gamma=0.1, augment=[], offline_copies=0, precision="fp32", seed=0, deterministic=False,
)  # fmt: skip


def config(**changes: Any) -> dict[str, Any]:
    """Return the configuration of a trial on few images."""
    few = {"root": str(few_digits()), "batch_size": 10, "eval_batch_size": 30}
    return {
        "recipe": asdict(replace(RECIPE, **few | changes)),
        "max_epochs": 3,
        "device": "cpu",
        "threads": 1,
        "gpus": 0,
        "checkpoint_seconds": None,
    }


def numbers(result: dict[str, Any]) -> tuple[Any, ...]:
    """Return what of a result does not depend on time or place."""
    return tuple(
        result.get(k) for k in ("epoch", "lr", "train_loss", "val_loss", "val_accuracy", "diverged", "done")
    )


@pytest.fixture(scope="module")
def uninterrupted() -> list[tuple[Any, ...]]:
    """Return the numbers of three epochs in one go."""
    trial = ClassifierTrainable(config())
    return [numbers(trial.train()) for _ in range(3)]


def test_a_step_reports_every_metric(uninterrupted: list[tuple[Any, ...]]) -> None:
    """Epochs count from 1 and the last is `done`."""
    assert [row[0] for row in uninterrupted] == [1, 2, 3]
    assert [row[-1] for row in uninterrupted] == [False, False, True]
    assert all(0 <= row[4] <= 1 for row in uninterrupted)


def test_going_on_from_a_checkpoint(uninterrupted: list[tuple[Any, ...]], tmp_path: Path) -> None:
    """A new worker that loads the checkpoint reports what the old one would have."""
    first = ClassifierTrainable(config())
    first.train()
    first.save(str(tmp_path))
    second = ClassifierTrainable(config())
    second.restore(str(tmp_path))
    assert [numbers(second.train()) for _ in range(2)] == uninterrupted[1:]


def test_a_reused_worker_has_nothing_left_of_its_last_trial(uninterrupted: list[tuple[Any, ...]]) -> None:
    """After a trial of other settings, this one's numbers are the same."""
    worker = ClassifierTrainable(config(lr=0.1, seed=3, hidden=8))
    worker.train()
    assert worker.reset(config())
    assert [numbers(worker.train()) for _ in range(3)] == uninterrupted


def test_a_trial_computes_with_the_threads_it_is_given() -> None:
    """Whatever the process had before: trials beside it have the other cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        ClassifierTrainable(config()).train()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_checkpoints_and_states_are_on_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each up to its arrival, in the next epoch's row."""
    arrive = ClassifierTrainable._report_class_trainable_checkpoint

    def slowly(trial: ClassifierTrainable, *arguments: Any) -> Any:
        sleep(1)
        return arrive(trial, *arguments)

    monkeypatch.setattr(ClassifierTrainable, "_report_class_trainable_checkpoint", slowly)
    trial = ClassifierTrainable(config() | {"states": {"2": str(tmp_path / "left.pt")}})
    assert trial.train()["seconds_checkpoint"] == 0
    trial.save(str(tmp_path / "checkpoint"))
    assert trial.train()["seconds_checkpoint"] > 1
    assert (tmp_path / "left.pt").stat().st_size > 0
    assert 0 < trial.train()["seconds_checkpoint"] < 1


def test_a_diverged_epoch_reports_a_flag_and_no_nan() -> None:
    """Losses and accuracy are absent, and validation is not run."""
    result = ClassifierTrainable(config(lr=1e20, batch_size=10)).train()
    assert result["diverged"] is True
    assert not {"train_loss", "val_loss", "val_accuracy"} & result.keys()


def test_a_trial_stays_a_while_on_a_machine_that_differs(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would be sent there again before another machine has room; it trains on nothing there."""
    monkeypatch.setattr("trainables.classifier.UNLIKE_SECONDS", 0.3)
    needs = replace(of_this_machine(str(images), ImageFolder(images), []), versions={"python": "2.7"})
    trial = ClassifierTrainable(config() | {"alike": asdict(needs)})
    start = monotonic()
    with pytest.raises(UnlikeMachineError):
        trial.train()
    assert monotonic() - start >= 0.3


def test_shared_rows_that_cannot_be_read_now_may_be_at_the_next_try(tmp_path: Path) -> None:
    """What is missing or damaged stays so, and is told of as input; any other fault is the machine's or the server's."""
    (tmp_path / "damaged.json").write_text("{")
    for name in ("missing.json", "damaged.json"):
        with pytest.raises(
            InputError, match=rf"{name}: cannot be read .*all trials that have ended are intact"
        ):
            _read_results(str(tmp_path / name))
    with pytest.raises(OSError, match="directory") as raised:
        _read_results(str(tmp_path))
    assert not isinstance(raised.value, InputError)
