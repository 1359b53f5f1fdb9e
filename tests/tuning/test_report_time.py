"""Where the time went."""

import pandas as pd

from tuning.report_time import time_plot


def trials(count: int) -> pd.DataFrame:
    """Return trials of 1, 2, 3, ... seconds of training each, and one that failed before it had any."""
    train = [*map(float, range(1, count + 1)), None]
    return pd.DataFrame(
        {
            "trial": range(count + 1),
            "seconds_train": train,
            "seconds_data": [0.5] * count + [None],
            **{f"seconds_{name}": [1.0] * count + [None] for name in ("start", "validate", "checkpoint")},
        }
    )


def test_a_few_trials_have_a_bar_each() -> None:
    """Also the one without times; the sums are said."""
    plot = time_plot(trials(2))
    start, train, *_ = plot.figure.data
    assert (start.x, train.x) == ((1.0, 1.0, 0.0), (1.0, 2.0, 0.0))
    # 9 seconds in all, 1 of them waiting
    assert plot.said == (
        "All trials: start 2.0 s, train 3.0 s, validate 2.0 s, checkpoint 2.0 s; 1.0 s (11.1 %) of it waiting for data."
    )
    assert plot.table is not None
    assert [cell.text for cell in plot.table.rows[2]] == ["2", "", "", "", "", ""]


def test_of_many_the_longest_are_drawn_and_all_are_in_the_table() -> None:
    """In the order of the trials."""
    plot = time_plot(trials(40))
    assert plot.figure.data[1].x == tuple(float(second) for second in range(11, 41))
    assert plot.said.endswith("; the 30 longest of 41 trials.")
    assert plot.table is not None
    assert len(plot.table.rows) == 41
