"""Which classes a test got wrong, and what it took them for: from the rows of `predictions.parquet`."""

from dataclasses import dataclass

import pandas as pd

from tuning.analysis import class_accuracy
from tuning.intervals import Interval, wilson


@dataclass(frozen=True)
class ClassAccuracy:
    """How a class did; over several retrains the mean of theirs."""

    name: str
    images: int
    """Test images of the class."""
    accuracy: float
    interval: Interval
    """Wilson's, of `images`: retrains see the same images, so more of them make it no narrower."""


@dataclass(frozen=True)
class Example:
    """A test image that was taken for another class."""

    path: str
    probability: float
    """That the network gave the wrong class."""


@dataclass(frozen=True)
class ConfusedPair:
    """Images of one class taken for another, over all retrains."""

    label: str
    predicted: str
    mistakes: int
    tests: int
    """Predictions of images of `label`: its images times the retrains."""
    examples: list[Example]
    """Distinct images, the surest mistake first."""

    @property
    def share(self) -> float:
        """The share of the class's predictions that were this mistake."""
        return self.mistakes / self.tests


def class_accuracies(predictions: pd.DataFrame) -> list[ClassAccuracy]:
    """Return every class that has test images, the worst first; of equals by name."""
    by_class = class_accuracy(predictions)["accuracy"]
    images = predictions.groupby("label")["path"].nunique()  # in the same order
    found = [
        ClassAccuracy(str(name), int(number), float(accuracy), wilson(float(accuracy), int(number)))
        for name, accuracy, number in zip(by_class.index, by_class, images, strict=True)
    ]
    return sorted(found, key=lambda one: (one.accuracy, one.name))


def confused_pairs(predictions: pd.DataFrame, most: int, examples: int) -> list[ConfusedPair]:
    """Return the most frequent mistakes, at most `most` with at most `examples` images each; of equals by name."""
    tests = predictions["label"].value_counts()
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    pairs = []
    for key, rows in wrong.groupby(["label", "predicted"]):
        label, predicted = map(str, key)
        surest = rows.sort_values(["probability", "path"], ascending=[False, True]).drop_duplicates("path")
        shown = [
            Example(str(path), float(probability))
            for path, probability in zip(surest["path"], surest["probability"], strict=True)
        ]
        pairs.append(ConfusedPair(label, predicted, len(rows), int(tests[label]), shown[:examples]))
    return sorted(pairs, key=lambda pair: (-pair.mistakes, pair.label, pair.predicted))[:most]
