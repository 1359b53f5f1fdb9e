"""Learning curves: which trial is which line, and where each ends."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.tuning.rows import curve, specs
from tests.tuning.test_report import write_sweep
from tuning.config import StopSettings
from tuning.records import trial_row
from tuning.report_curves import curves, curves_table
from tuning.report_style import styles
from tuning.results import load

CURVES = [curve(0, 0.5, 0.75), curve(1, 0.25, None), curve(2, 0.125, 0.25, 0.5)]


def drawn(folder: Path, own: list[int]) -> dict[str, list[dict[str, Any]]]:
    """Return the traces of each plot, trials `own` in styles of their own."""
    frames = load(write_sweep(folder / "s", CURVES, tests=0))
    assert frames.epochs is not None
    assert frames.trials is not None
    plots = curves(frames.epochs, frames.trials, styles(own))
    return {plot.name: plot.figure.to_plotly_json()["data"] for plot in plots}


def test_trials_without_a_style_share_one_line_with_gaps(tmp_path: Path) -> None:
    """So that a thousand trials are not a thousand traces; the best lie on top."""
    lines, ends, foot, own, own_end = drawn(tmp_path, [2])["curve-val-accuracy"]
    assert list(lines["x"]) == [1, 2, None, 1, 2, None]
    assert list(lines["y"]) == [0.5, 0.75, None, 0.25, None, None]
    assert [trace["meta"] for trace in (lines, ends, foot, own, own_end)] == ["others"] * 3 + ["2"] * 2


def test_every_end_is_marked_with_its_reason(tmp_path: Path) -> None:
    """On the curve, or at the foot where the last epoch has no value."""
    _, ends, foot, _, own_end = drawn(tmp_path, [2])["curve-val-accuracy"]
    assert (list(ends["x"]), list(ends["y"])) == ([2], [0.75])
    assert list(ends["marker"]["symbol"]) == ["diamond-open"]
    assert (list(foot["x"]), foot["yaxis"], list(foot["marker"]["symbol"])) == ([2], "y2", ["x-thin-open"])
    assert foot["hovertext"][0] == "trial 1<br>diverged: train_loss: not finite at epoch 2"
    assert own_end["hovertext"][0] == "trial 2<br>completed: 3 epochs done, as many as there were to<br>do"


def test_the_learning_rate_is_a_staircase(tmp_path: Path) -> None:
    """It changes at an epoch's start, not between epochs; where a trial diverged it is known all the same."""
    lines, *_ = drawn(tmp_path, [2])["curve-lr"]
    assert lines["line"]["shape"] == "hv"
    assert list(lines["y"]) == [0.1, 0.1, None, 0.1, 0.1, None]


@pytest.mark.parametrize(("rates", "axis"), [([0.1, 0.0], [-1.5, -0.5]), ([0.0, 0.0], None)])
def test_a_rate_that_has_underflowed_has_no_place_by_logarithm(
    rates: list[float], axis: list[float] | None
) -> None:
    """0.1 lies in the middle of its axis; with no other rate than 0 the axis is linear."""
    rows = [replace(row, lr=lr) for row, lr in zip(curve(0, 0.5, 0.5), rates, strict=True)]
    trial = trial_row(specs()[0], rows, sweep="s", stop=StopSettings(), max_epochs=2, worker=None, error=None)
    epochs = pd.DataFrame([asdict(row) for row in rows])
    trials = pd.DataFrame([{**vars(trial), "trial": 0, "outcome": str(trial.outcome)}])
    (plot,) = [one for one in curves(epochs, trials, styles([0])) if one.name == "curve-lr"]
    assert plot.figure.to_plotly_json()["layout"]["yaxis"].get("range") == axis


def test_a_long_table_is_thinned_and_says_so() -> None:
    """1,500 epochs are shown by every second, and each trial's last."""
    rows = [*curve(0, *[0.5] * 999), *curve(1, *[0.5] * 501)]
    table = curves_table(pd.DataFrame([asdict(row) for row in rows]))
    assert table.caption == "Learning curves, every 2 epochs; epochs.parquet has all"
    assert len(table.rows) == 499 + 1 + 250 + 1
    assert [cell.text for cell in table.rows[499]] == ["0", "999", "50.00 %", "1", "1", "0.1"]
