"""UP and NonFinite against tables worked by hand."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.criteria import NonFinite, Up, stopping_epoch

NAN, INF = math.nan, math.inf

# strip_length 2, successive 2, mode max: the ends are the even places. Beside each curve its ends, and whether each
# end after the first is up (+), down (-) or equal (=) to the one before, and the epoch it stops at with
# (ties="stop", ties="reset").
CURVES = [
    # ends 12 18 17 16: + - -                            the paper's example
    ([10, 12, 20, 18, 30, 17, 40, 16], 8, 8),
    # ends 12 11 10: - -                                 the earliest stop there is: 2k + k
    ([0, 12, 0, 11, 0, 10], 6, 6),
    # ends 12 11 13 12 11: - + - -
    ([0, 12, 0, 11, 0, 13, 0, 12, 0, 11], 10, 10),
    # ends 12 12 12: = =                                 an equal value is no progress, or breaks the run
    ([0, 12, 0, 12, 0, 12], 6, None),
    # ends 12 11 11 10 9: - = - -
    ([0, 12, 0, 11, 0, 11, 0, 10, 0, 9], 6, 10),
    # ends 1 2 3 4: + + +                                 what happens inside a strip does not matter
    ([9, 1, 9, 2, 9, 3, 9, 4], None, None),
    # ends 12 11: -                                       one down is not two
    ([0, 12, 0, 11, 0], None, None),
]


@pytest.mark.parametrize(("curve", "stop", "reset"), CURVES)
def test_up_on_curves_worked_by_hand(curve: list[float], stop: int | None, reset: int | None) -> None:
    """For accuracies, and for errors that are their negatives."""
    for ties, expected in (("stop", stop), ("reset", reset)):
        up = Up(strip_length=2, successive=2, ties=ties)  # type: ignore[arg-type]
        assert stopping_epoch(up, curve) == expected
        down = Up(strip_length=2, successive=2, mode="min", ties=ties)  # type: ignore[arg-type]
        assert stopping_epoch(down, [-value for value in curve]) == expected


def test_a_constant_curve() -> None:
    """k = s = 5: at epoch 30 when ties stop, never when they break the run."""
    assert stopping_epoch(Up(), [0.1] * 200) == 30
    assert stopping_epoch(Up(ties="reset"), [0.1] * 200) is None


# strip_length 1, successive 2, mode max. Beside each curve what each end is, a value that is not finite being no
# progress (x) and never what others are compared with.
NON_FINITE = [
    ([NAN, 5, 6, 7], None),  # 5: nothing to be progress over (x); 6 over 5, 7 over 6: progress
    ([NAN, 5, 4], 3),  # 5 (x), 4 under 5 (-)
    ([NAN, NAN, NAN], 3),  # x x
    ([5, NAN, 4], 3),  # x, 4 under 5 (-)
    ([5, NAN, 6, 7], None),  # x, then 6 over 5
    ([5, INF, 5], 3),  # x, 5 equals 5
    ([5, -INF, 4], 3),  # x, -
    ([5, None, None], 3),  # x x
    ([5, 6, NAN], None),  # + x
    ([5, 4, NAN], 3),  # - x
]


@pytest.mark.parametrize("broken", [NAN, INF, -INF, None])
@pytest.mark.parametrize(("curve", "expected"), NON_FINITE)
def test_up_takes_nothing_not_finite_for_progress(
    curve: list[Any], expected: int | None, broken: Any
) -> None:
    """First, in the middle or last; NaN, either infinity and None are all the same, in both modes."""
    swapped = [value if value is not None and math.isfinite(value) else broken for value in curve]
    assert stopping_epoch(Up(strip_length=1, successive=2), swapped) == expected
    negated = [-v if v is not None and math.isfinite(v) else broken for v in curve]
    assert stopping_epoch(Up(strip_length=1, successive=2, mode="min"), negated) == expected


@pytest.mark.parametrize(
    ("curve", "expected"),
    [([1, 2, 3], None), ([NAN, 1], 1), ([1, INF, 2], 2), ([1, 2, None], 3), ([1, -INF, NAN], 2), ([], None)],
)
def test_non_finite(curve: list[Any], expected: int | None) -> None:
    """Fires at the first value that is no number."""
    assert stopping_epoch(NonFinite(), curve) == expected


def test_messages_name_rule_values_and_epoch() -> None:
    """A stop explains itself."""
    up, state = Up(strip_length=2, successive=2), Up().start()
    for value in (10, 12, 20, 18, 30, 17, 40, 16):
        state = up.update(value, state)
    assert (
        up.message(state)
        == "UP: no progress at 2 successive strip ends (every 2 epochs), from 18 to 16 at epoch 8"
    )
    rule = NonFinite()
    assert rule.message(rule.update(NAN, rule.update(1.0, rule.start()))) == "not finite at epoch 2"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"strip_length": 0}, "strip_length must be at least 1 but got 0"),
        ({"successive": -1}, "successive must be at least 1 but got -1"),
        ({"mode": "up"}, "mode must be one of max, min but got 'up'"),
        ({"ties": "maybe"}, "ties must be one of stop, reset but got 'maybe'"),
    ],
)
def test_impossible_parameters_are_named(parameters: dict[str, Any], said: str) -> None:
    """At construction, with the value."""
    with pytest.raises(ValueError, match=said):
        Up(**parameters)


def naive(values: list[float], k: int, s: int, strict: bool) -> int | None:
    """Return UP's stop by its definition alone: s strips back from t, each worse than the one before."""
    ends = values[k - 1 :: k]
    for i in range(s, len(ends)):
        runs = [ends[j] < ends[j - 1] if strict else ends[j] <= ends[j - 1] for j in range(i - s + 1, i + 1)]
        if all(runs):
            return (i + 1) * k
    return None


@given(st.lists(st.integers(0, 4), max_size=60), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_up_is_its_definition(values: list[float], k: int, s: int, strict: bool) -> None:
    """On any finite curve, any (k, s), with and without ties."""
    assert stopping_epoch(Up(k, s, ties="reset" if strict else "stop"), values) == naive(values, k, s, strict)
