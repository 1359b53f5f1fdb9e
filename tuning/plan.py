"""What a sweep will do, and everything that would keep it from doing so, before anything is computed."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from data_utils.caches import cache_dir
from data_utils.errors import InputError
from data_utils.prepared import open_folder
from data_utils.splits import Splits
from trainables.architectures import MIN_IMAGE_SIZE
from tuning.cluster import Capacity, capacity
from tuning.config import Sweep
from tuning.space import TrialSpec, trial_specs

_MEAN_ASPECT = 4 / 3

Looked = TypeVar("Looked")


@dataclass(frozen=True)
class Plan:
    """A sweep whose files, settings and resources have been looked at."""

    sweep: Sweep
    trials: list[TrialSpec]
    classes: int
    train: int
    """Images that train."""
    val: int
    test: int
    split_digest: str
    listed: bool
    """Whether the split is that of the folder's lists."""
    fresh: list[str]
    """Parameters that the weight file lacks."""
    gpus: float
    """GPUs a trial."""
    at_once: int
    """Trials at once."""
    retrain_cpus: int
    """Cores of the largest machine: the retrain, alone on it, takes all of them."""
    store_bytes: int
    """About what the decoded images take."""
    cache_free: int
    storage_free: int

    @property
    def whole_machine(self) -> tuple[int, float]:
        """CPU cores and GPUs for work that runs alone: all cores of a machine, and a GPU if trials use any."""
        return self.retrain_cpus, 1.0 if self.gpus else 0.0


def plan(sweep: Sweep) -> Plan:
    """Look at all that a sweep needs, computing nothing.

    Raises:
        InputError: all that is wrong with folder, lists, weights, sizes, resources and storage.
    """
    problems: list[str] = []
    trials = trial_specs(sweep)
    folder = _collect(problems, lambda: _look_at_folder(sweep))
    there = capacity()
    gpus = _gpus(sweep, there)
    fresh: list[str] = []
    if folder and sweep.model.weights is not None:
        from trainables.models import check_weights  # and PyTorch with it, which no other check needs

        for arch, hidden in sorted({(t.recipe.arch, t.recipe.hidden) for t in trials}):
            check = partial(check_weights, arch, folder.classes, sweep.model.weights, hidden)
            fresh += _collect(problems, check) or []
    problems += [
        f"data.image_size: {arch} needs at least {MIN_IMAGE_SIZE[arch]} pixels a side, "
        f"but got {sweep.data.image_size}"
        for arch in sorted({t.recipe.arch for t in trials})
        if sweep.data.image_size < MIN_IMAGE_SIZE[arch]
    ]
    problems += _resource_problems(sweep, gpus, there)
    problems += _storage_problems(sweep)
    if problems or folder is None:
        raise InputError(f"sweep {sweep.name!r}", problems)
    fitting = there.trials_at_once(sweep.resources.cpus, gpus)
    return Plan(
        sweep=sweep,
        trials=trials,
        classes=folder.classes,
        train=len(folder.splits.train),
        val=len(folder.splits.val),
        test=len(folder.splits.test),
        split_digest=folder.splits.digest,
        listed=folder.listed,
        fresh=fresh,
        gpus=gpus,
        at_once=min(fitting, len(trials), sweep.resources.max_concurrent or fitting),
        retrain_cpus=there.cpus_of_largest,
        store_bytes=int(folder.images * sweep.data.resize**2 * _MEAN_ASPECT * 3),
        cache_free=_free(cache_dir()),
        storage_free=_free(sweep.folder),
    )


@dataclass(frozen=True)
class _Folder:
    classes: int
    images: int
    splits: Splits
    listed: bool


def _look_at_folder(sweep: Sweep) -> _Folder:
    dataset = open_folder(sweep.data.root)
    splits = Splits.of(dataset, sweep.data.seed)
    splits.check(str(dataset.root))
    return _Folder(len(dataset.classes), len(dataset), splits, dataset.listed is not None)


def _collect(problems: list[str], look: Callable[[], Looked]) -> Looked | None:
    """Return what `look` gives, or None with its problems noted."""
    try:
        return look()
    except InputError as error:
        problems += [f"{error.subject}: {problem}" for problem in error.problems]
        return None


def _gpus(sweep: Sweep, there: Capacity) -> float:
    wanted = sweep.resources.gpus
    return float(min(there.gpus, 1)) if wanted == "auto" else float(wanted)


def _resource_problems(sweep: Sweep, gpus: float, there: Capacity) -> list[str]:
    problems = []
    if gpus > there.gpus:
        problems.append(
            f"resources.gpus: a trial asks for {gpus:g} but the cluster has {there.gpus}; lower it, or set it to auto"
        )
    if sweep.resources.cpus > there.cpus_of_largest:
        problems.append(
            f"resources.cpus: a trial asks for {sweep.resources.cpus} "
            f"but no machine has more than {there.cpus_of_largest}; lower it"
        )
    return problems


def _storage_problems(sweep: Sweep) -> list[str]:
    """Return why the sweep's folder could not be made; the nearest folder above it that exists decides."""
    above = _nearest(sweep.folder)
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return []
    return [
        f"storage: {sweep.storage!r} cannot be written, since {above} cannot; name another with --storage DIR"
    ]


def _free(folder: Path) -> int:
    return shutil.disk_usage(_nearest(folder)).free


def _nearest(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())
