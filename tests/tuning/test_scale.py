"""Where values lie on an axis."""

import pytest

from tuning.scale import Scale, Tick, shown


def test_rates_lie_by_their_logarithms() -> None:
    """A tenth at each step is an even step; every value has its mark."""
    scale = Scale.of([0.1, 0.01, 0.001])
    assert scale.positions == pytest.approx([1, 0.5, 0])
    assert [tick.text for tick in scale.ticks] == ["0.001", "0.01", "0.1"]


def test_steps_lie_linearly() -> None:
    """Less than tenfold: 20 to 60."""
    assert Scale.of([20, 30, 60]).positions == [0, 0.25, 1]


def test_marks_that_would_meet_are_left_out() -> None:
    """0.5 and 0.51 of 0 to 1 are closer than a label is high."""
    assert [tick.text for tick in Scale.of([0, 0.5, 0.51, 1.0]).ticks] == ["0", "0.5", "1"]


def test_many_rates_are_marked_at_powers_of_ten() -> None:
    """Those within the values."""
    scale = Scale.of([0.0005 * 2**i for i in range(8)])
    assert [tick.text for tick in scale.ticks] == ["0.001", "0.01"]


def test_marks_of_whole_numbers_have_all_their_digits() -> None:
    """Of seeds and widths they tell one from another."""
    assert [tick.text for tick in Scale.of([1024, 1536, 4096]).ticks] == ["1024", "1536", "4096"]
    assert Scale.of([0, 1, 2, 3, 4, 5, 6]).ticks[2] == Tick(2 / 6, "2")
    seeds = Scale.of([20240101 + i for i in range(12)]).ticks
    assert (seeds[0].text, seeds[-1].text) == ("20240101", "20240112")


def test_names_lie_evenly_in_order_and_null_is_one() -> None:
    """True and text are names, too."""
    assert Scale.of(["features", None, "classifier"]).positions == [0.5, 1, 0]
    assert Scale.of([True, False]).ticks == [Tick(0, "False"), Tick(1, "True")]


def test_one_value_lies_in_the_middle() -> None:
    """There is no span to divide by."""
    assert Scale.of([3, 3]).positions == [0.5, 0.5]


def test_values_as_a_person_writes_them() -> None:
    """Without digits that say nothing; null is empty."""
    assert [shown(value) for value in (0.001, 5e-5, 30, "x", None, float("nan"))] == [
        "0.001", "5e-05", "30", "x", "", "",
    ]  # fmt: skip
