"""Parallel coordinates as lines."""

from pathlib import Path

from tests.tuning.rows import curve
from tests.tuning.test_report import write_sweep
from tuning.report_parallel import NO_ACCURACY, parallel
from tuning.report_style import styles
from tuning.results import load


def test_a_line_goes_from_its_values_to_its_accuracy(tmp_path: Path) -> None:
    """lr 0.1 and 0.0333 are the ends of their axis, 0.05 is a quarter up; a trial without an accuracy ends below."""
    folder = write_sweep(tmp_path / "s", [curve(0, 0.5), curve(1, 0.75), curve(2, None)], tests=0)
    trials = load(folder).trials
    assert trials is not None
    plot = parallel(trials, ["config_lr", "config_step_size"], styles([1]))
    others, best = plot.figure.to_plotly_json()["data"]
    assert list(others["x"]) == [0, 1, 2, None, 0, 1, 2, None]
    assert list(others["y"]) == [1, 0.5, 0, None, 0, 0.5, NO_ACCURACY, None]
    assert list(best["y"]) == [0.25, 0.5, 1, None]
    assert best["hovertext"][0] == "<b>trial 1</b><br>lr 0.05<br>step_size 20<br>best 75.00 % at epoch 1"
    assert plot.least_width == 3 * 116


def test_accuracies_lie_where_their_marks_say(tmp_path: Path) -> None:
    """Linearly, also from a chance to all: 52.5 % lies half the way from 5 % to 100 %, where its mark is."""
    folder = write_sweep(tmp_path / "s", [curve(0, 0.05), curve(1, 0.525), curve(2, 1.0)], tests=0)
    trials = load(folder).trials
    assert trials is not None
    figure = parallel(trials, ["config_lr"], styles([])).figure.to_plotly_json()
    assert list(figure["data"][0]["y"])[1::3] == [0, 0.5, 1]
    marks = {one["text"]: one["y"] for one in figure["layout"]["annotations"] if one["x"] == 1}
    assert marks["52.50 %"] == 0.5
