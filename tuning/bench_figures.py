"""What `upsweep bench` measures with: figures of A and B taken in turns, on a setting.

A and B are interleaved, so that a machine whose speed drifts slows both alike; figures are medians with their extremes.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from filelock import FileLock

from data_utils.caches import LOCK, cache_dir
from trainables.recipe import Recipe
from tuning.cores import usable_cores

CPU_THREADS = usable_cores()


@dataclass(frozen=True)
class Measure:
    """One figure: the median of `n`, its extremes, and what it is."""

    measure: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    meaning: str


@dataclass(frozen=True)
class Setting:
    """What is measured on, and how long."""

    root: str
    arch: str
    resize: int
    image_size: int
    batch_size: int
    images: int
    """Training images of an epoch, and validation images as well: a part of the data, so that repeats are many."""
    steps: int
    """Steps, at most, of the loop that is compared with the bare step."""
    repeats: int
    trial_seconds: float
    """How long each of the eight trials of the sweep takes, about."""
    device: str

    @classmethod
    def of(cls, root: str, arch: str, quick: bool) -> "Setting":
        """Return the setting for a folder: the paper's sizes, or small ones."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        batch_size = {"alexnet": 256, "vgg11": 32}[arch]
        steps = (
            2 if device == "cpu" else 100
        )  # a GPU takes milliseconds a step, and an epoch's start would show
        if quick:
            return cls(root, arch, 64, 64, min(batch_size, 64), 256, steps, 10, 6.0, device)
        return cls(root, arch, 256, 224, batch_size, 2 * 256, steps, 10, 60.0, device)

    def recipe(self, **changes: object) -> Recipe:
        """Return a training of this setting, from scratch unless changed."""
        whole = Recipe(
            root=self.root, split_seed=0, on_bad_image="skip", resize=self.resize, image_size=self.image_size,
            transform="scratch", batch_size=self.batch_size, eval_batch_size=256, arch=self.arch, weights=None,
            freeze=None, hidden=4096, init="torchvision", lr=0.001, step_size=1000, momentum=0.9, weight_decay=5e-5,
            gamma=0.1, augment=[], offline_copies=0, precision="auto", seed=0, deterministic=False,
        )  # fmt: skip
        return replace(whole, **changes)  # type: ignore[arg-type]


def interleaved(
    a: Callable[[], float], b: Callable[[], float], repeats: int
) -> tuple[list[float], list[float]]:
    """Return the figures of A and of B, taken in turns A B A B ... after one of each that is not counted."""
    a(), b()
    pairs = [(a(), b()) for _ in range(repeats)]
    return [x for x, _ in pairs], [y for _, y in pairs]


def measure(name: str, values: list[float], unit: str, meaning: str) -> Measure:
    """Return the median of values, with their extremes."""
    return Measure(name, statistics.median(values), min(values), max(values), unit, len(values), meaning)


def seconds(work: Callable[[], object]) -> float:
    """Return how long work takes, on a GPU up to its last kernel."""
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


@contextmanager
def empty_cache() -> Iterator[None]:
    """Keep what is built meanwhile in a cache of its own, on the same disk as the user's."""
    before = os.environ.get("UPSWEEP_CACHE")
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="bench-") as folder:
        os.environ["UPSWEEP_CACHE"] = folder
        try:
            with FileLock(Path(folder, LOCK)):  # or `upsweep data clear` would take it for left over
                yield
        finally:
            if before is None:
                del os.environ["UPSWEEP_CACHE"]
            else:
                os.environ["UPSWEEP_CACHE"] = before
