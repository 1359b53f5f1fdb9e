"""What trials report, through retries: no epoch that a try has reported is lost with the next."""

from pathlib import Path
from typing import Any

import pytest
from ray.train._internal.storage import StorageContext
from ray.tune.experiment import Trial

from tests.tuning.rows import curve, specs
from tests.tuning.test_live_tables import SWEEP
from tuning.recorder import INDEX, Recorder
from tuning.selection import pick

pytestmark = pytest.mark.usefixtures("local_ray")  # whose session a trial's folder is in

FIRST = [0.1, 0.2, 0.3, 0.4, 0.9]
"""The validation accuracies of a trial's first try, one an epoch."""


def stub(index: int, folder: Path) -> Trial:
    """Return a trial of Ray Tune's with a folder, and without anything to run."""
    storage = StorageContext(str(folder), "ray", trial_dir_name=str(index))
    return Trial("toy", config={INDEX: index}, storage=storage, stub=True)


def reported(recorder: Recorder, trial: Trial, accuracies: list[float]) -> None:
    """Report epochs of a trial from the first on, as Ray Tune does."""
    for row in curve(trial.config[INDEX], *accuracies):
        result: dict[str, Any] = row.metrics.result() | {"hostname": "h"}
        recorder.on_trial_result(0, [], trial, result)


def test_a_trial_that_fails_for_good_keeps_the_epochs_of_every_try(tmp_path: Path) -> None:
    """One of them may win; while the next try runs they are seen, too, and each once."""
    recorder = Recorder(SWEEP, specs(2))
    trial, other = stub(0, tmp_path), stub(1, tmp_path)
    reported(recorder, other, [0.5])
    reported(recorder, trial, FIRST)
    reported(recorder, trial, FIRST[:2])  # another try
    assert [row.val_accuracy for row in recorder.epochs if row.trial == 0] == FIRST
    assert len(recorder.of(0)) == 2
    recorder.on_trial_complete(0, [], other)
    recorder.on_trial_error(0, [], trial)
    assert [row.val_accuracy for row in recorder.of(0)] == FIRST
    picked = pick(recorder.trials(), recorder.epochs)
    assert picked is not None
    assert (picked.trial, picked.epoch) == (0, 5)


def test_a_trial_that_failed_after_a_resume_keeps_what_it_had_before(tmp_path: Path) -> None:
    """Though it has not come to its last epochs again."""
    recorder = Recorder(SWEEP, specs(1))
    recorder.remember(curve(0, *FIRST))
    trial = stub(0, tmp_path)
    reported(recorder, trial, FIRST[:3])
    recorder.on_trial_error(0, [], trial)
    assert [row.val_accuracy for row in recorder.epochs] == FIRST
    assert recorder.trial(0).epochs_run == 5


def test_a_trial_that_ends_well_has_the_epochs_of_its_last_try(tmp_path: Path) -> None:
    """Where it ended sooner, those behind were another's."""
    recorder = Recorder(SWEEP, specs(1))
    trial = stub(0, tmp_path)
    reported(recorder, trial, FIRST)
    reported(recorder, trial, FIRST[:4])
    recorder.on_trial_complete(0, [], trial)
    assert [row.val_accuracy for row in recorder.epochs] == FIRST[:4]


def test_epochs_of_before_are_shared_though_the_trial_failed_before_its_first(tmp_path: Path) -> None:
    """Nothing is known then of the worker that computed them."""
    recorder = Recorder(SWEEP, specs(1))
    recorder.remember(curve(0, *FIRST))
    recorder.on_trial_error(0, [], stub(0, tmp_path))
    assert [recorder.result(row)["val_accuracy"] for row in recorder.of(0)] == FIRST
