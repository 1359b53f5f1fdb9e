"""The trials of a sweep: its settings with each search point put in."""

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from data_utils.archive import is_archive
from data_utils.augment import operations
from data_utils.errors import near
from data_utils.places import is_s3, s3_place
from data_utils.prepared import SAMPLE
from trainables.architectures import IMAGENET
from trainables.recipe import Recipe
from tuning.config import MOST_EPOCHS, Sweep
from tuning.plain_values import Place, dotted
from tuning.setting_problems import explain
from tuning.setting_types import Scalar

TUNABLE: dict[str, tuple[str, str]] = {
    "lr": ("train", "lr"),
    "step_size": ("train", "step_size"),
    "gamma": ("train", "gamma"),
    "momentum": ("train", "momentum"),
    "weight_decay": ("train", "weight_decay"),
    "seed": ("train", "seed"),
    "batch_size": ("data", "batch_size"),
    "arch": ("model", "arch"),
    "hidden": ("model", "hidden"),
    "init": ("model", "init"),
    "freeze": ("model", "freeze"),
}
"""{hyperparameter: the setting that it is}: what `search` may vary."""

Point = dict[str, Scalar]


@dataclass(frozen=True)
class TrialSpec:
    """One trial to run."""

    index: int
    """Its place in the sweep, from 0."""
    point: Point
    """The hyperparameters that the search gives it."""
    recipe: Recipe
    """All that decides what it computes."""

    @property
    def hyperparameters(self) -> Point:
        """Every tunable setting as this trial has it, searched or not; a list as text, `conv1,layer1`."""
        values = {name: getattr(self.recipe, name) for name in TUNABLE}
        return {name: ",".join(v) if isinstance(v, tuple) else v for name, v in values.items()}


def trial_specs(sweep: Sweep) -> list[TrialSpec]:
    """Return the trials of a checked sweep, in order."""
    return [TrialSpec(i, point, recipe(_with(sweep, point))) for i, point in enumerate(points(sweep))]


def points(sweep: Sweep) -> list[Point]:
    """Return the search points: those listed, or the grid's combinations, the last key varying fastest."""
    if sweep.search.points is not None:
        return sweep.search.points
    grid = sweep.search.grid or {}
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def count_points(sweep: Sweep) -> int:
    """Return how many there are, without making them."""
    if sweep.search.points is not None:
        return len(sweep.search.points)
    return math.prod(len(values) for values in (sweep.search.grid or {}).values())


def recipe(sweep: Sweep) -> Recipe:
    """Return the recipe that a sweep's own settings make."""
    data, model, train = sweep.data, sweep.model, sweep.train
    transform = data.transform
    if transform == "auto":
        papers = isinstance(train.augment, str) and train.augment != "none"
        transform = "transfer" if papers or model.weights is not None else "scratch"
    weights = model.weights
    if weights is not None and weights != IMAGENET:
        weights = str(Path(weights).expanduser().resolve())
    return Recipe(
        root=_root(sweep),
        split_seed=data.seed,
        on_bad_image=data.on_bad_image,
        resize=data.resize,
        image_size=data.image_size,
        transform=transform,
        batch_size=data.batch_size,
        eval_batch_size=data.eval_batch_size,
        arch=model.arch,
        weights=weights,
        freeze=tuple(model.freeze) if isinstance(model.freeze, list) else model.freeze,
        hidden=model.hidden,
        init=model.init,
        lr=train.lr,
        step_size=train.step_size,
        momentum=train.momentum,
        weight_decay=train.weight_decay,
        gamma=train.gamma,
        augment=operations(train.augment),
        offline_copies=train.augment_offline.copies if train.augment_offline else 0,
        precision=train.precision,
        deterministic=train.deterministic,
        seed=train.seed,
    )


def _root(sweep: Sweep) -> str:
    """Return `data.root` as it means the same on every machine."""
    root = sweep.data.root
    if root == SAMPLE or not is_archive(root):
        return root if root == SAMPLE else str(Path(root).expanduser().resolve())
    address, mark, digest = root.partition("#")
    if is_s3(address):
        address = s3_place(address, sweep.s3.endpoint, sweep.s3.region)
    return address + mark + digest


def check_points(sweep: Sweep) -> list[tuple[Place, str]]:
    """Return (place, problem) for every hyperparameter that is unknown or has an impossible value, and every repeat."""
    trials = count_points(sweep)
    if trials * sweep.train.max_epochs > MOST_EPOCHS:
        problem = f"makes {trials:,} trials of {sweep.train.max_epochs:,} epochs, and a sweep has at most {MOST_EPOCHS:,}"
        return [(("search",), f"{problem} epochs in all; search less, or lower train.max_epochs")]
    problems: dict[Place, str] = {}
    seen: dict[str, int] = {}
    for i, point in enumerate(points(sweep)):
        found = _point_problems(sweep, i, point)
        for place, problem in found:
            problems.setdefault(place, problem)
        if not found:
            made = repr(recipe(_with(sweep, point)))
            if made in seen:
                problem = f"is trial {seen[made]} again; every trial of a sweep is computed once"
                problems.setdefault(_place(sweep, i), problem)
            seen.setdefault(made, i)
    return list(problems.items())


def _point_problems(sweep: Sweep, trial: int, point: Point) -> list[tuple[Place, str]]:
    known = {name: value for name, value in point.items() if name in TUNABLE}
    problems = [
        (_place(sweep, trial, name), f"no hyperparameter; {near(name, TUNABLE)}")
        for name in point.keys() - known.keys()
    ]
    try:
        _with(sweep, known)
    except ValidationError as error:
        problems += [_explained(sweep, trial, known, details) for details in error.errors(include_url=False)]
    return problems


def _explained(sweep: Sweep, trial: int, point: Point, details: ErrorDetails) -> tuple[Place, str]:
    """Return where a problem of a trial's settings is to be mended, and what it is."""
    setting, problem = details["loc"][:2], explain(details, [])
    for name, value in point.items():
        if TUNABLE[name] == setting:
            return _place(sweep, trial, name, value), problem
    # A setting of the sweep's own, which the point does not go with.
    return _place(sweep, trial), f"{dotted(setting)}: {problem}"


def _with(sweep: Sweep, point: Point) -> Sweep:
    """Return the sweep's settings with a point's values in their places, checked; its search is one empty point."""
    # Without the search itself, which has no part in a trial and may have thousands of points.
    values: dict[str, Any] = sweep.model_dump(exclude={"search"}) | {"search": {"points": [{}]}}
    for name, value in point.items():
        section, key = TUNABLE[name]
        values[section][key] = value
    return Sweep.model_validate(values)


def _place(sweep: Sweep, trial: int, *names: Any) -> Place:
    """Return where in the file a trial's hyperparameter stands."""
    if sweep.search.points is not None:
        return ("search", "points", trial, *names[:1])
    if sweep.search.grid is None or not names:
        return ("search", "grid")
    name, *value = names
    return ("search", "grid", name, *(sweep.search.grid[name].index(v) for v in value))
