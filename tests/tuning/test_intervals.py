"""Wilson's interval against values worked by hand."""

import pytest

from tuning.intervals import wilson


def test_wilson_of_eight_in_ten() -> None:
    """Middle (0.8 + 0.19207) / 1.38415, half 1.41600 * sqrt(0.016 + 0.0096036) ... : 0.4902 to 0.9433."""
    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=5e-5)


def test_wilson_at_the_ends_has_a_width_and_stays_a_share() -> None:
    """None of ten: z^2 / (10 + z^2) = 3.84146 / 13.84146 at most; all of ten is its mirror."""
    assert wilson(0.0, 10) == pytest.approx((0.0, 0.27753), abs=5e-6)
    assert wilson(1.0, 10) == pytest.approx((0.72247, 1.0), abs=5e-6)


def test_more_images_make_it_narrower() -> None:
    """As the square root, about: 0.5 +- 0.0098 of ten thousand."""
    assert wilson(0.5, 10_000) == pytest.approx((0.4902, 0.5098), abs=5e-5)


def test_no_images_have_no_interval() -> None:
    """Named rather than divided by."""
    with pytest.raises(ValueError, match="at least 1 but got 0"):
        wilson(0.5, 0)
