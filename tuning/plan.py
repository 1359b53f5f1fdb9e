"""What a sweep will do, and everything that would keep it from doing so, before anything is computed."""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from data_utils.archive import is_archive
from data_utils.caches import cache_dir
from data_utils.errors import InputError
from data_utils.file_access import PART, exists, matching
from data_utils.folder import ImageFolder
from data_utils.places import is_s3, shown, under
from data_utils.prepared import open_split
from data_utils.splits import Splits
from trainables.alike import Alike, digest_of
from trainables.architectures import IMAGENET, MIN_IMAGE_SIZE
from tuning import elsewhere
from tuning.checked_weights import fresh_layers
from tuning.cluster import on_cluster, resume_command
from tuning.config import Sweep
from tuning.lease import DRIVER
from tuning.nodes import Node, equal_share, nodes, room
from tuning.remains import JOURNAL
from tuning.remote import check_place
from tuning.sharing import forks
from tuning.space import TrialSpec, recipe, trial_specs
from tuning.sweep_file import SWEEP_FILE

_MEAN_ASPECT = 4 / 3

Looked = TypeVar("Looked")


@dataclass(frozen=True)
class Plan:
    """A sweep whose files, settings and resources have been looked at."""

    sweep: Sweep
    trials: list[TrialSpec]
    images: ImageFolder
    train: int
    """Images that train."""
    val: int
    test: int
    split_digest: str
    fresh: list[str]
    """Parameters that the weight file lacks."""
    cpus: int
    """CPU cores a trial."""
    gpus: float
    """GPUs a trial."""
    at_once: int
    """Trials at once."""
    alike: Alike | None
    """What other machines must have as this one has it; None on this machine alone."""
    room: dict[str, int]
    """{host: trials that fit there at once}"""
    store_bytes: int
    """About what the decoded images take."""
    cache_free: int
    storage_free: int

    @property
    def settings(self) -> dict[str, Any]:
        """The sweep's settings with what was relative or `auto` written out."""
        recipe = self.trials[0].recipe
        settings = self.sweep.model_dump()
        if not is_s3(self.sweep.storage):
            settings["storage"] = str(self.sweep.folder.parent)
        root = self.sweep.data.root  # of an archive: the recipe's names a server, as `s3` does
        settings["data"] |= {"root": root if is_archive(root) else recipe.root, "transform": recipe.transform}
        settings["model"]["weights"] = recipe.weights
        settings["resources"] |= {"cpus": self.cpus, "gpus": self.gpus}
        return settings

    @property
    def epochs(self) -> int:
        """Epochs to compute at most: those that trials share count once, the retrain's with them."""
        most = self.sweep.train.max_epochs
        shared = sum(fork.epochs for fork in forks(self.trials, most).values())
        retrains = len(self.sweep.retrain.seeds) if self.sweep.retrain else 0
        return (len(self.trials) + retrains) * most - shared

    @property
    def device(self) -> str:
        """What trials compute on: "cuda" or "cpu"."""
        return "cuda" if self.gpus else "cpu"

    @property
    def pinned(self) -> dict[str, Any]:
        """What a sweep goes on with or not at all: its settings, what the files they name hold, and the device, which decides
        the last bits. Of images it is names and sizes, of weights every byte.

        Raises:
            InputError: images cannot be looked at, or the weights can no longer be read.
        """
        return {**self.settings, "device": self.device, "contents": self._contents}

    @cached_property
    def _contents(self) -> dict[str, str]:
        contents = {"images": self.alike.images if self.alike else digest_of(self.images)}
        weights = self.trials[0].recipe.weights
        if weights is not None and weights != IMAGENET:
            try:
                with open(weights, "rb") as file:
                    contents["weights"] = hashlib.file_digest(file, "sha256").hexdigest()[:16]
            except OSError as error:
                raise InputError(weights, [f"cannot be read: {error.strerror}; restore it"]) from error
        return contents


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
    there = nodes()
    gpus = _gpus(sweep, there)
    cpus = _cpus(sweep, there, gpus, len(trials))
    misfits = _misfits(sweep, trials, len(folder.splits.train) if folder else sweep.data.batch_size)
    problems += [problem for of_one in misfits.values() for problem in of_one]
    fresh: list[str] = []
    if folder and sweep.model.weights is not None:
        weights, size = trials[0].recipe.weights or sweep.model.weights, sweep.data.image_size
        for arch, hidden in sorted({(t.recipe.arch, t.recipe.hidden) for t in trials}):
            if arch in MIN_IMAGE_SIZE or not misfits[arch]:
                check = partial(fresh_layers, arch, len(folder.images.classes), weights, hidden, size)
                fresh += _collect(problems, check) or []
    problems += _resource_problems(cpus, gpus, there)
    needs: Alike | None = None
    if folder and on_cluster():
        needs = _collect(problems, lambda: elsewhere.alike(trials, folder.images))
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
    if needs is not None and all(place is not None for place in free):
        problems += elsewhere.problems(elsewhere.others(), needs, sweep.place)
    if problems or folder is None:
        raise InputError(f"sweep {sweep.name!r}", list(dict.fromkeys(problems)))
    by_host = room(there, cpus, gpus)
    fitting = sum(by_host.values())
    return Plan(
        sweep=sweep,
        trials=trials,
        images=folder.images,
        train=len(folder.splits.train),
        val=len(folder.splits.val),
        test=len(folder.splits.test),
        split_digest=folder.splits.digest,
        fresh=fresh,
        cpus=cpus,
        gpus=gpus,
        at_once=min(fitting, len(trials), sweep.resources.max_concurrent or fitting),
        alike=needs,
        room=by_host,
        store_bytes=int(len(folder.images) * sweep.data.resize**2 * _MEAN_ASPECT * 3),
        storage_free=free[0] or 0,
        cache_free=free[1] or 0,
    )


@dataclass(frozen=True)
class _Folder:
    images: ImageFolder
    splits: Splits


def _look_at_folder(sweep: Sweep) -> _Folder:
    return _Folder(*open_split(recipe(sweep).root, sweep.data.seed))


def _misfits(sweep: Sweep, trials: list[TrialSpec], images: int) -> dict[str, list[str]]:
    """Return {architecture: what keeps it from training on these images, with the parts that are frozen}.

    Args:
        images: of the training split.
    """
    found: dict[str, list[str]] = {}
    size = sweep.data.image_size
    recipes = [spec.recipe for spec in trials]
    kinds = {(r.arch, r.freeze, min(r.batch_size, images * (1 + r.offline_copies))): None for r in recipes}
    for arch, freeze, batch in kinds:
        problems = found.setdefault(arch, [])
        if arch in MIN_IMAGE_SIZE and not isinstance(freeze, tuple):
            if size < (fewest := MIN_IMAGE_SIZE[arch]):
                problems.append(
                    f"data.image_size: {arch} needs at least {fewest} pixels a side, but got {size}"
                )
        else:
            # And PyTorch with it, which the paper's networks do without.
            from trainables.network_check import network_problems

            problems += network_problems(arch, size, freeze, batch)
    return {arch: list(dict.fromkeys(problems)) for arch, problems in found.items()}


def _collect(problems: list[str], look: Callable[[], Looked]) -> Looked | None:
    """Return what `look` gives, or None with its problems noted."""
    try:
        return look()
    except InputError as error:
        problems += [f"{error.subject}: {problem}" for problem in error.problems]
        return None


def _gpus(sweep: Sweep, there: list[Node]) -> float:
    wanted = sweep.resources.gpus
    return float(any(node.gpus for node in there)) if wanted == "auto" else float(wanted)


def _cpus(sweep: Sweep, there: list[Node], gpus: float, trials: int) -> int:
    wanted = sweep.resources.cpus
    if wanted != "auto":
        return wanted
    at_once = min(trials, sweep.resources.max_concurrent or trials)
    return 1 if gpus else equal_share(there, at_once)


def _resource_problems(cpus: int, gpus: float, there: list[Node]) -> list[str]:
    """Return which demands of a trial no machine can meet; a trial never spans two."""
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
    cache = (cache_dir(), f"the cache {cache_dir()} cannot be written; set UPSWEEP_CACHE to another folder")
    if is_s3(sweep.storage):  # with a working copy in the cache
        return [cache, cache]
    return [
        (sweep.folder, f"storage: {sweep.storage!r} cannot be written; name another with --storage DIR"),
        cache,
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


def in_the_way(place: str) -> str:
    """Return that a sweep is at a place already, and what to do."""
    if exists(under(place, JOURNAL)):
        again = resume_command(shown(place))
        return f"{shown(place)} has not ended well: {again} goes on with it; or give another --name, or --overwrite to replace it"
    return f"{shown(place)} is there already; give another --name, or --overwrite to replace it"


def _name_problems(sweep: Sweep, overwrite: bool) -> list[str]:
    try:
        if is_s3(sweep.storage):
            check_place(sweep.place)
        found = (place for place in matching(sweep.place, "*") if place != under(sweep.place, DRIVER))
        there = any(
            not place.endswith(PART) for place in found
        )  # a run killed at its first file leaves a part
        ours = exists(under(sweep.place, SWEEP_FILE))
        in_its_way = in_the_way(sweep.place) if there else ""
    except InputError as error:
        return [f"{error.subject}: {problem}" for problem in error.problems]
    except OSError:
        return []  # said of the storage already
    if there and not overwrite:
        return [in_its_way]
    if there and not ours:
        return [f"{shown(sweep.place)} holds no sweep, so --overwrite leaves it alone; give another --name"]
    return []
