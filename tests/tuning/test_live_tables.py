"""The tables of a running sweep: after a resume, and on a disk that takes nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ray.tune.experiment import Trial

from tests.tuning.rows import curve, specs
from tuning.config import Sweep
from tuning.files import read_rows
from tuning.live_tables import LiveTables, epochs_before
from tuning.recorder import INDEX, Recorder
from tuning.results import EPOCHS, load, write_epochs

SWEEP = Sweep.model_validate(
    {"name": "s", "data": {"root": "x"}, "model": {"arch": "alexnet"}, "search": {"points": [{}]}}
)
BEFORE = curve(0, 0.1, 0.2) + curve(1, 0.3, None) + curve(2, 0.5)


def resumed(folder: Path, *ran: int) -> Recorder:
    """Return what a resume knows whose trial 0 had ended, and whose trial 1 has come to these epochs again."""
    recorder = Recorder(SWEEP, specs(3))
    recorder.restore(0, BEFORE[:2], None, {})
    recorder.remember(epochs_before(folder))
    recorder.of(1).extend(BEFORE[1 + epoch] for epoch in ran)
    return recorder


def test_a_resume_shows_no_fewer_epochs_than_there_were(tmp_path: Path) -> None:
    """Neither before its trials have come to them again, nor after the first of them has; none twice."""
    write_epochs(tmp_path, BEFORE)
    before = load(tmp_path).read("epochs")
    for ran in ((), (1,), (1, 2)):
        LiveTables(tmp_path, resumed(tmp_path, *ran), lambda _: None).on_step_end(0, [])
        assert load(tmp_path).read("epochs").equals(before), ran


def test_a_resume_that_is_interrupted_keeps_the_trials_that_it_never_came_to(tmp_path: Path) -> None:
    """In both tables, and under the name that the folder has now; a trial that has ended counts by its own rows alone."""
    write_epochs(tmp_path, [replace(row, sweep="before") for row in BEFORE])
    recorder = resumed(tmp_path, 1)
    assert recorder.epochs == BEFORE
    assert [row.epochs_run for row in recorder.trials()] == [2, 2, 1]
    ended = Trial("toy", config={INDEX: 1}, stub=True)
    recorder.on_trial_complete(0, [], ended)
    assert [row.epochs_run for row in recorder.trials()] == [2, 1, 1]


def test_a_disk_that_takes_nothing_is_told_of_once(tmp_path: Path) -> None:
    """Here it has no folder to write to; the sweep goes on."""
    said: list[str] = []
    tables = LiveTables(tmp_path / "gone", resumed(tmp_path), said.append)
    for step in range(2):
        tables._due = 0.0
        tables.on_step_end(step, [])
    (warning,) = said
    assert warning.startswith("the tables so far cannot be written ([Errno 2]")
    assert warning.endswith("; the sweep goes on")


@pytest.mark.parametrize(
    "change", [{"trial": 7}, {"trial": None}, {"epoch": None}, {"epoch": 0}, {"epoch": "one"}]
)
def test_rows_that_are_none_of_the_sweep_are_passed_over(tmp_path: Path, change: dict[str, Any]) -> None:
    """They are there to be looked at alone: what counts is in the journal."""
    write_epochs(tmp_path, BEFORE)
    rows = [row | change for row in read_rows(tmp_path / EPOCHS)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / EPOCHS)
    assert resumed(tmp_path).epochs == BEFORE[:2]
