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
from tuning.cluster import Machine, machines
from tuning.config import Sweep
from tuning.space import TrialSpec, trial_specs

SWEEP_FILE = "sweep.yaml"
"""The settings in a sweep's folder, which is known by it."""

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
    whole_machine: Machine
    """What work that runs alone takes: all cores of a machine, and one GPU of it if trials use any."""
    store_bytes: int
    """About what the decoded images take."""
    cache_free: int
    storage_free: int

    @property
    def device(self) -> str:
        """What trials compute on: "cuda" or "cpu"."""
        return "cuda" if self.gpus else "cpu"


def plan(sweep: Sweep, *, overwrite: bool = False) -> Plan:
    """Look at all that a sweep needs, computing nothing.

    Args:
        overwrite: whether a sweep of the same name may be replaced.

    Raises:
        InputError: all that is wrong with folder, lists, weights, sizes, resources, storage and trackers.
    """
    problems: list[str] = []
    trials = trial_specs(sweep)
    folder = _collect(problems, lambda: _look_at_folder(sweep))
    there = machines()
    gpus = _gpus(sweep, there)
    fresh: list[str] = []
    if folder and sweep.model.weights is not None:
        from trainables.models import check_weights  # and PyTorch with it, which no other check needs

        for arch, hidden in sorted({(t.recipe.arch, t.recipe.hidden) for t in trials}):
            weights = trials[0].recipe.weights or sweep.model.weights
            fresh += _collect(problems, partial(check_weights, arch, folder.classes, weights, hidden)) or []
    problems += [
        f"data.image_size: {arch} needs at least {MIN_IMAGE_SIZE[arch]} pixels a side, but got {sweep.data.image_size}"
        for arch in sorted({t.recipe.arch for t in trials})
        if sweep.data.image_size < MIN_IMAGE_SIZE[arch]
    ]
    problems += _resource_problems(sweep, gpus, there)
    free = [_collect(problems, partial(_free, *place)) for place in _places(sweep)]
    problems += _name_problems(sweep, overwrite)
    if (
        sweep.track.mlflow is not None
    ):  # trackers know rows, and Ray Tune with them, which no other check needs
        from tuning.track_mlflow import check_mlflow

        _collect(problems, partial(check_mlflow, sweep.track.mlflow.uri))
    if sweep.track.wandb is not None:
        from tuning.track_wandb import check_wandb

        _collect(problems, partial(check_wandb, sweep.track.wandb.mode))
    if problems or folder is None:
        raise InputError(f"sweep {sweep.name!r}", problems)
    fitting = sum(machine.fits(sweep.resources.cpus, gpus) for machine in there)
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
        whole_machine=_whole_machine(there, gpus),
        store_bytes=int(folder.images * sweep.data.resize**2 * _MEAN_ASPECT * 3),
        storage_free=free[0] or 0,
        cache_free=free[1] or 0,
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


def _gpus(sweep: Sweep, there: list[Machine]) -> float:
    wanted = sweep.resources.gpus
    return float(any(machine.gpus for machine in there)) if wanted == "auto" else float(wanted)


def _whole_machine(there: list[Machine], gpus: float) -> Machine:
    largest = max((m for m in there if m.gpus or not gpus), key=lambda m: m.cpus)
    return Machine(largest.cpus, 1 if gpus else 0)


def _resource_problems(sweep: Sweep, gpus: float, there: list[Machine]) -> list[str]:
    """Return which demands of a trial no machine can meet; a trial never spans two."""
    cpus = sweep.resources.cpus
    most_gpus, most_cpus = max(m.gpus for m in there), max(m.cpus for m in there)
    problems = []
    if gpus > most_gpus:
        all_gpus = sum(m.gpus for m in there)
        problems.append(
            f"resources.gpus: a trial asks for {gpus:g} but the cluster has {all_gpus}, at most {most_gpus} in a "
            f"machine; lower it, or set it to auto"
        )
    if cpus > most_cpus:
        problems.append(
            f"resources.cpus: a trial asks for {cpus} but no machine has more than {most_cpus}; lower it"
        )
    if not problems and not any(m.fits(cpus, gpus) for m in there):
        problems.append(f"resources: no machine has {cpus} CPUs and {gpus:g} GPUs at once; lower either")
    return problems


def _places(sweep: Sweep) -> list[tuple[Path, str]]:
    """Return where a sweep writes, with how to name another place."""
    return [
        (sweep.folder, f"storage: {sweep.storage!r} cannot be written; name another with --storage DIR"),
        (cache_dir(), f"the cache {cache_dir()} cannot be written; set UPSWEEP_CACHE to another folder"),
    ]


def _free(folder: Path, problem: str) -> int:
    """Return the free bytes at a folder that may not exist yet.

    Raises:
        InputError: `problem`, with the reason, if the nearest folder above it that exists cannot be written.
    """
    try:
        above = next(p for p in (folder, *folder.parents) if p.exists())
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            return shutil.disk_usage(above).free
        raise PermissionError(f"{above} is no folder that can be written")
    except OSError as error:
        raise InputError(problem, [str(error)]) from error


def _name_problems(sweep: Sweep, overwrite: bool) -> list[str]:
    try:
        there = sweep.folder.exists() and any(sweep.folder.iterdir())
        ours = (sweep.folder / SWEEP_FILE).is_file()
    except OSError:
        return []  # said of the storage already
    if there and not overwrite:
        return [f"{sweep.folder} is there already; give another --name, or --overwrite to replace it"]
    if there and not ours:
        return [f"{sweep.folder} holds no sweep, so --overwrite leaves it alone; give another --name"]
    return []
