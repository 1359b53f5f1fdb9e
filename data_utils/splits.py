"""Which images train, which validate, which test."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from data_utils.errors import InputError
from data_utils.seeding import Stream, derive

Indices = npt.NDArray[np.int64]


class Labelled(Protocol):
    """What a split needs to know of a data set: names, labels, and its own lists if it has any."""

    names: list[str]
    targets: list[int]
    listed: tuple[list[int], list[int]] | None


@dataclass(frozen=True, eq=False)
class Splits:
    """Sample indices of the three splits, each sorted; no index stands in two of them."""

    train: Indices
    val: Indices
    test: Indices
    names: Sequence[str]
    """The name of every sample of the data set, for the digest."""

    @classmethod
    def of(cls, dataset: Labelled, seed: int = 0) -> "Splits":
        """Split a data set: by its lists, else stratified with `seed` into 1/3 train, 1/3 validation, 1/3 test.

        The train list is halved by taking turns down the sorted list: even places train, odd ones validate.
        """
        if dataset.listed:
            train_val, test = (np.array(sorted(part), dtype=np.int64) for part in dataset.listed)
            return cls(train_val[0::2], train_val[1::2], test, dataset.names)
        return cls(*_stratified(np.asarray(dataset.targets), seed), dataset.names)

    @cached_property
    def train_val(self) -> Indices:
        """Train and validation together, sorted: what the retrain trains on."""
        return np.sort(np.concatenate([self.train, self.val]))

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits that two splits share only if each split holds the same names."""
        sha = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            sha.update("\n".join(self.names[i] for i in split).encode() + b"\0")
        return sha.hexdigest()[:16]

    def without(self, excluded: Collection[int]) -> "Splits":
        """Return these splits less some samples; every other sample stays where it is."""
        drop = np.array(sorted(excluded), dtype=np.int64)
        train, val, test = (np.setdiff1d(part, drop) for part in (self.train, self.val, self.test))
        return Splits(train, val, test, self.names)

    def check(self, subject: str) -> None:
        """Raise InputError, naming `subject`, for every split that is empty."""
        sizes = {"train": len(self.train), "validation": len(self.val), "test": len(self.test)}
        problems = [
            f"the {name} split is empty; add images (a class of three or more gives one to each split) or longer lists"
            for name, size in sizes.items()
            if size == 0
        ]
        if problems:
            raise InputError(subject, problems)


def _stratified(targets: npt.NDArray[np.int64], seed: int) -> tuple[Indices, Indices, Indices]:
    """Deal each class, in an order of its own, a third to test and the rest in turns to train and validation."""
    parts: tuple[list[Indices], list[Indices], list[Indices]] = ([], [], [])
    for label in np.unique(targets):
        rng = np.random.default_rng(derive(seed, int(label), Stream.SPLIT))
        members = rng.permutation(np.flatnonzero(targets == label))
        cut = round(len(members) / 3)
        rest = members[cut:]
        for part, some in zip(parts, (rest[0::2], rest[1::2], members[:cut]), strict=True):
            part.append(some)
    train, val, test = (np.sort(np.concatenate(part)).astype(np.int64) for part in parts)
    return train, val, test
