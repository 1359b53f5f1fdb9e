"""The trials of a sweep: its settings with each search point put in."""

import itertools
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from data_utils.augment import operations
from trainables.recipe import Recipe
from tuning.config import Scalar, Sweep, explain
from tuning.sweep_file import Place, did_you_mean

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


def trial_specs(sweep: Sweep) -> list[TrialSpec]:
    """Return the trials of a checked sweep, in order."""
    return [TrialSpec(i, point, recipe(_with(sweep, point))) for i, point in enumerate(points(sweep))]


def points(sweep: Sweep) -> list[Point]:
    """Return the search points: those listed, or the grid's combinations, the last key varying fastest."""
    if sweep.search.points is not None:
        return sweep.search.points
    grid = sweep.search.grid or {}
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def recipe(sweep: Sweep) -> Recipe:
    """Return the recipe that a sweep's own settings make."""
    data, model, train = sweep.data, sweep.model, sweep.train
    transform = data.transform
    if transform == "auto":
        papers = isinstance(train.augment, str) and train.augment != "none"
        transform = "transfer" if papers or model.weights is not None else "scratch"
    return Recipe(
        root=data.root,
        split_seed=data.seed,
        on_bad_image=data.on_bad_image,
        resize=data.resize,
        image_size=data.image_size,
        transform=transform,
        batch_size=data.batch_size,
        eval_batch_size=data.eval_batch_size,
        arch=model.arch,
        weights=model.weights,
        freeze=model.freeze,
        hidden=model.hidden,
        init=model.init,
        lr=train.lr,
        step_size=train.step_size,
        momentum=train.momentum,
        weight_decay=train.weight_decay,
        gamma=train.gamma,
        augment=operations(train.augment),
        precision=train.precision,
        seed=train.seed,
    )


def check_points(sweep: Sweep) -> list[tuple[Place, str]]:
    """Return (place, problem) for every hyperparameter that is unknown or has an impossible value, and every repeat."""
    problems: dict[Place, str] = {}
    seen: dict[str, int] = {}
    for i, point in enumerate(points(sweep)):
        for name in point.keys() - TUNABLE.keys():
            problems.setdefault(
                _place(sweep, i, name), f"no hyperparameter; {did_you_mean(name, list(TUNABLE))}"
            )
        for name in point.keys() & TUNABLE.keys():
            for problem in _impossible(sweep, name, point[name]):
                problems.setdefault(_place(sweep, i, name, point[name]), problem)
        earlier = seen.setdefault(repr(sorted(point.items(), key=lambda item: item[0])), i)
        if earlier != i:
            problems.setdefault(
                _place(sweep, i), f"is trial {earlier} again; every trial of a sweep is computed once"
            )
    return list(problems.items())


def _with(sweep: Sweep, point: Point) -> Sweep:
    """Return the sweep's settings with a point's values in their places, checked."""
    values: dict[str, Any] = sweep.model_dump()
    for name, value in point.items():
        section, key = TUNABLE[name]
        values[section][key] = value
    return Sweep.model_validate(values)


def _impossible(sweep: Sweep, name: str, value: Scalar) -> list[str]:
    """Return what is wrong with one hyperparameter's value; two values can never be wrong only together."""
    try:
        _with(sweep, {name: value})
    except ValidationError as error:
        return [explain(details, []) for details in error.errors(include_url=False)]
    return []


def _place(sweep: Sweep, trial: int, *names: Any) -> Place:
    """Return where in the file a trial's hyperparameter stands."""
    if sweep.search.points is not None:
        return ("search", "points", trial, *names[:1])
    if sweep.search.grid is None or not names:
        return ("search", "grid")
    name, *value = names
    return ("search", "grid", name, *(sweep.search.grid[name].index(v) for v in value))
