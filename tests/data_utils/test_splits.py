"""Which images train, validate and test."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data_utils.caltech101 import Caltech101
from data_utils.errors import InputError
from data_utils.splits import Splits


def folder(*sizes: int) -> SimpleNamespace:
    """Return a data set without lists, of classes of these sizes."""
    targets = [label for label, size in enumerate(sizes) for _ in range(size)]
    return SimpleNamespace(
        names=[f"{t}/{i}.jpg" for i, t in enumerate(targets)], targets=targets, listed=None
    )


def test_the_train_list_is_halved_by_turns_down_the_sorted_list() -> None:
    """Even places train, odd ones validate, whatever the list's own order."""
    dataset = SimpleNamespace(names=list("abcdefg"), targets=[0] * 7, listed=([6, 0, 2, 1, 3], [5, 4]))
    splits = Splits.of(dataset)
    assert splits.train.tolist() == [0, 2, 6]
    assert splits.val.tolist() == [1, 3]
    assert splits.test.tolist() == [4, 5]
    assert splits.train_val.tolist() == [0, 1, 2, 3, 6]


def test_caltech101_has_the_papers_sizes(caltech101: Path) -> None:
    """2,892 train, 2,892 validation, 2,893 test."""
    splits = Splits.of(Caltech101(caltech101))
    assert [len(splits.train), len(splits.val), len(splits.test)] == [2892, 2892, 2893]


def test_without_lists_every_class_is_split_in_thirds() -> None:
    """A third of each class tests; the rest is halved; no sample is twice or nowhere."""
    splits = Splits.of(folder(30, 9, 3), seed=1)
    for part, expected in ((splits.train, [10, 3, 1]), (splits.val, [10, 3, 1]), (splits.test, [10, 3, 1])):
        assert [
            int(((part >= start) & (part < end)).sum()) for start, end in ((0, 30), (30, 39), (39, 42))
        ] == expected
    assert sorted([*splits.train, *splits.val, *splits.test]) == list(range(42))


def test_the_seed_decides_and_the_digest_tells() -> None:
    """The same seed gives the same split and digest, another seed others."""
    first, again, other = (Splits.of(folder(30, 30), seed) for seed in (3, 3, 4))
    assert first.digest == again.digest != other.digest
    assert np.array_equal(first.test, again.test)


def test_leaving_samples_out_moves_no_other() -> None:
    """A sample that stays keeps its split."""
    splits = Splits.of(folder(12))
    gone = int(splits.train[0])
    fewer = splits.without([gone])
    assert fewer.train.tolist() == splits.train[1:].tolist()
    assert np.array_equal(fewer.val, splits.val)
    assert fewer.digest != splits.digest


def test_an_empty_split_is_refused_by_name() -> None:
    """Two images a class leave none for validation."""
    with pytest.raises(InputError, match="somewhere: the validation split is empty"):
        Splits.of(folder(2, 2)).check("somewhere")
