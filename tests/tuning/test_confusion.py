"""Classes and their mistakes, on predictions that can be counted by eye."""

import pandas as pd
import pytest

from tuning.confusion import Example, class_accuracies, confused_pairs

PREDICTIONS = pd.DataFrame(
    [
        (0, "ant/0.jpg", "ant", "bee", 0.6),
        (0, "ant/1.jpg", "ant", "ant", 0.9),
        (0, "bee/0.jpg", "bee", "bee", 0.9),
        (0, "cat/0.jpg", "cat", "bee", 0.7),
        (1, "ant/0.jpg", "ant", "bee", 0.8),
        (1, "ant/1.jpg", "ant", "bee", 0.5),
        (1, "bee/0.jpg", "bee", "bee", 0.9),
        (1, "cat/0.jpg", "cat", "ant", 0.7),
    ],
    columns=["seed", "path", "label", "predicted", "probability"],
)
"""Two retrains, each tested on the same four images."""


def test_classes_come_worst_first() -> None:
    """The mean over both retrains; the images are counted once, so the interval is no narrower for them."""
    found = class_accuracies(PREDICTIONS)
    assert [(one.name, one.images, one.accuracy) for one in found] == [
        ("cat", 1, 0.0),
        ("ant", 2, 0.25),
        ("bee", 1, 1.0),
    ]
    assert found[2].interval == pytest.approx((0.2065, 1.0), abs=5e-5)


def test_pairs_come_most_frequent_first() -> None:
    """Ant for bee three times of four; of equals the earlier name; each with its surest images, once each."""
    first, second, third = confused_pairs(PREDICTIONS, most=9, examples=9)
    assert (first.label, first.predicted, first.mistakes, first.tests, first.share) == (
        "ant",
        "bee",
        3,
        4,
        0.75,
    )
    assert first.examples == [Example("ant/0.jpg", 0.8), Example("ant/1.jpg", 0.5)]
    assert [(pair.label, pair.predicted) for pair in (second, third)] == [("cat", "ant"), ("cat", "bee")]


def test_pairs_and_examples_are_capped() -> None:
    """At most so many of each; no mistakes are no pairs."""
    (only,) = confused_pairs(PREDICTIONS, most=1, examples=1)
    assert only.examples == [Example("ant/0.jpg", 0.8)]
    assert confused_pairs(PREDICTIONS[PREDICTIONS["label"] == "bee"], most=9, examples=9) == []
