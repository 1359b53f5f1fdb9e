"""The plots of a sweep's classes and hyperparameters, and of a folder of sweeps, as bars."""

from collections.abc import Sequence

import plotly.graph_objects as go

from tuning.confusion import ClassAccuracy
from tuning.hyperparameters import label
from tuning.importance import Importance
from tuning.intervals import Interval
from tuning.report_bars import Bar, bars, interval_said
from tuning.report_style import Plot
from tuning.report_table import Table, number, share, text
from tuning.wording import counted, percent

CLASSES_A_PLOT = 36
"""More classes are parted into columns, none taller than a sheet of paper."""


def class_plots(classes: Sequence[ClassAccuracy]) -> list[Plot]:
    """Return bars of the classes' accuracies from the worst on, in columns of about equal height."""
    columns = -(-len(classes) // CLASSES_A_PLOT)
    height = -(-len(classes) // columns)
    parts = [classes[start : start + height] for start in range(0, len(classes), height)]
    return [
        Plot(
            f"classes-{i}",
            "Accuracy of each class" if len(parts) == 1 else f"Classes {first + 1} to {first + len(part)}",
            f"{percent(part[0].accuracy)} to {percent(part[-1].accuracy)}",
            _class_bars(part),
        )
        for i, (first, part) in enumerate((i * height, part) for i, part in enumerate(parts))
    ]


def class_table(classes: Sequence[ClassAccuracy]) -> Table:
    """Return the classes' accuracies with their intervals."""
    rows = [
        [text(one.name), number(one.images, "d"), share(one.accuracy), text(interval_said(one.interval))]
        for one in classes
    ]
    headings = ["class", "test images", "accuracy", "95 % interval"]
    return Table("Accuracy of each class", headings, rows, sortable=True)


def importance_plot(found: Importance) -> Plot:
    """Return bars of the hyperparameters' importances."""
    rows = [
        Bar(
            label(name),
            max(mean, 0.0),
            Interval(max(mean - deviation, 0.0), max(mean + deviation, 0.0)),
            f"{label(name)}: {100 * mean:.2f} points, standard deviation {100 * deviation:.2f}",
        )
        for name, mean, deviation in zip(found.names, found.means, found.deviations, strict=True)
    ]
    table = Table(
        "Importance of hyperparameters, in percentage points of accuracy",
        ["hyperparameter", "importance", "standard deviation"],
        [
            [text(label(name)), number(100 * mean, ".3f"), number(100 * deviation, ".3f")]
            for name, mean, deviation in zip(found.names, found.means, found.deviations, strict=True)
        ],
    )
    return Plot(
        "importance",
        "Importance of hyperparameters",
        f"Most important of {counted(len(found.names), 'hyperparameter')}: {label(found.names[0])}.",
        bars(rows, "rise of error, points of accuracy", longest=None),
        table,
    )


def sweeps_plot(tests: Sequence[Bar]) -> Plot:
    """Return bars of the sweeps' test accuracies."""
    figure: go.Figure = bars(tests, "test accuracy, with its 95 % interval")
    return Plot("sweeps", "Test accuracy of each sweep", "The table has the numbers.", figure)


def _class_bars(part: Sequence[ClassAccuracy]) -> go.Figure:
    rows = [
        Bar(
            one.name,
            one.accuracy,
            one.interval,
            f"{one.name}: {percent(one.accuracy)} of {counted(one.images, 'image')}, "
            f"95 % interval {interval_said(one.interval)}",
        )
        for one in part
    ]
    return bars(rows, "accuracy, with its 95 % interval")
