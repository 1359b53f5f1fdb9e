"""Bars of classes and hyperparameters."""

import pytest

from tuning.confusion import ClassAccuracy
from tuning.importance import Importance
from tuning.intervals import Interval
from tuning.report_plots import class_plots, class_table, importance_plot


def classes(count: int) -> list[ClassAccuracy]:
    """Return so many classes, each a little better than the one before."""
    return [ClassAccuracy(f"class {i}", 10, i / count, Interval(0.0, 1.0)) for i in range(count)]


@pytest.mark.parametrize(("count", "heights"), [(1, [1]), (36, [36]), (37, [19, 18]), (101, [34, 34, 33])])
def test_many_classes_are_parted_into_even_columns(count: int, heights: list[int]) -> None:
    """None is left out, and none of the plots is taller than a sheet of paper."""
    plots = class_plots(classes(count))
    assert [len(plot.figure.data[0].y) for plot in plots] == heights
    assert max(plot.figure.layout.height for plot in plots) < 900
    assert len(class_table(classes(count)).rows) == count


def test_whiskers_reach_to_the_interval() -> None:
    """Both ways, and what hovering says has both."""
    one = ClassAccuracy("ant", 10, 0.75, Interval(0.5, 1.0))
    bar = class_plots([one])[0].figure.data[0]
    assert (bar.x, bar.error_x.array, bar.error_x.arrayminus) == ((0.75,), (0.25,), (0.25,))
    assert (
        bar.hovertext[0] == "ant: 75.00 % of 10 images, 95 % interval 50.00\u00a0%\u00a0to\u00a0100.00\u00a0%"
    )


def test_importances_are_points_of_accuracy() -> None:
    """What is less than nothing by chance is drawn as nothing; the table has what was found."""
    plot = importance_plot(Importance(["config_lr", "seed"], [0.125, -0.01], [0.05, 0.02], 0.01, 0.1, 30))
    assert plot.figure.data[0].x == (0.125, 0.0)
    assert plot.table is not None
    assert [[cell.text for cell in row] for row in plot.table.rows] == [
        ["lr", "12.500", "5.000"],
        ["seed", "-1.000", "2.000"],
    ]
