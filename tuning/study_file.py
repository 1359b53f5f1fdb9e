"""A study's file: the sweeps to run one after the other, what one hands to the next, and what a paper measured."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from data_utils.errors import InputError, near
from data_utils.places import is_s3
from tuning.config import SearchSettings, Sweep, load_sweep
from tuning.setting_problems import section_of, setting_problems
from tuning.setting_types import PathText, Scalar, Settings
from tuning.space import TUNABLE, Point, trial_specs
from tuning.sweep_file import SWEEP_FILE, read_sweep_file

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"

OF_THE_STUDY = frozenset({"name", "storage"})
"""Settings of its sweeps that a study gives them."""

_UNNAMED = "unnamed"
"""In place of a name that cannot be told, while the other problems are looked for."""


class StudySweep(Settings):
    """One sweep of a study."""

    file: PathText
    """Its sweep file, relative to the study's."""
    name: str | None = Field(None, pattern=NAME, max_length=100)
    """Name of its folder; null: the sweep file's own."""
    set: dict[str, Any] = Field({})
    """Settings that make it this sweep, as `train.augment: augment-1` or `train: {augment: augment-1}`; neither a scale nor
    --set changes them."""
    best_point_of: str | None = None
    """An earlier sweep of the study: this one tries that one's best hyperparameters, and no others."""


class Figure(Settings):
    """What a paper measured; accuracies are shares of 1."""

    run: str
    """What the paper calls it."""
    sweep: str
    """Name of the study's sweep that repeats it."""
    point: dict[str, Scalar] | None = None
    """Hyperparameters of the trial; null: the winner's."""
    val_accuracy: float | None = Field(None, ge=0, le=1)
    """Best on validation."""
    epoch: int | None = Field(None, ge=1)
    """When."""
    stopped: str | None = None
    """When and why it stopped."""
    test_accuracy: float | None = Field(None, ge=0, le=1)
    """On test."""


class StudySettings(Settings):
    """A whole study file."""

    name: str = Field(pattern=NAME, max_length=100)
    """Name of the study's folder."""
    storage: PathText = "runs"
    """Folder that holds it."""
    sweeps: list[StudySweep] = Field(min_length=1)
    """In the order they run."""
    scales: dict[Annotated[str, Field(pattern=NAME, max_length=100)], dict[str, Any]] = Field({})
    """{name: settings of all sweeps}: smaller versions of the study."""
    figures: list[Figure] = Field([])
    """What to compare with."""


@dataclass(frozen=True)
class Member:
    """A sweep of a study, not yet resolved: its points may come from another."""

    name: str
    file: Path
    general: list[str]
    """Overrides of all sweeps: the scale's, then the command line's."""
    own: list[str]
    """Overrides that make it this sweep."""
    folder: Path
    best_point_of: str | None
    """Name of the sweep that hands it its point."""
    scale: str | None

    def sweep(self, point: Point | None = None) -> Sweep:
        """Return the sweep, trying `point` alone if one is given.

        Raises:
            InputError: as `load_sweep`.
        """
        search = [] if point is None else [f"search={json.dumps({'points': [point]})}"]
        return load_sweep(
            self.file,
            self.general + self.own + search,
            {"name": self.name, "storage": str(self.folder.parent)}
            | ({} if self.scale is None else {"scale": self.scale}),
        )


@dataclass(frozen=True)
class Study:
    """A study file with its scale and overrides applied."""

    name: str
    scale: str | None
    folder: Path
    members: list[Member]
    figures: list[Figure]


def is_study(path: Path) -> bool:
    """Return whether a file holds a study rather than a sweep; one that cannot be read is no study."""
    try:
        return "sweeps" in read_sweep_file(path).values
    except InputError:
        return False


def load_study(
    path: Path,
    overrides: list[str] | None = None,
    scale: str | None = None,
    given: Mapping[str, str] | None = None,
) -> Study:
    """Read a study file and all its sweep files.

    Args:
        overrides: `a.b=c` for every sweep; what a sweep's own `set` holds stays.
        scale: a name in `scales`; its settings come before the overrides.
        given: `name` or `storage` of the study, in place of the file's.

    Raises:
        InputError: everything wrong with the study and its sweeps.
    """
    file = read_sweep_file(path, None, given)
    try:
        settings = StudySettings.model_validate(file.values)
    except ValidationError as error:
        raise InputError(file.source, setting_problems(error, file, StudySettings)) from error
    if scale is not None and scale not in settings.scales:
        there = ", ".join(settings.scales) or "none"
        raise InputError(
            "--scale", [f"must be a scale of {path}, of which there are: {there}; but got {scale!r}"]
        )
    if is_s3(settings.storage):
        problem = "storage: a study's must be a folder; its sweeps can each be run with --storage s3://bucket/prefix"
        raise InputError(file.source, [problem])
    name = settings.name if scale is None or (given and "name" in given) else f"{settings.name}-{scale}"
    folder = Path(settings.storage).expanduser().resolve() / name
    general = _overrides(settings.scales[scale]) if scale else []
    general += overrides or []
    members, problems = _members(settings, path, folder, general, scale)
    # False of one that may not be entered, which the sweeps' plans name.
    if os.path.exists(folder / SWEEP_FILE):
        problems.append(f"name: {folder} is the folder of a sweep; give the study another --name")
    problems += (
        _misplaced(settings, overrides or [])
        + _name_problems(settings, members)
        + _point_problems(settings)
        + _sweep_problems(members)
    )
    if problems:
        raise InputError(file.source, problems)
    return Study(name, scale, folder, members, settings.figures)


def _members(
    settings: StudySettings, path: Path, folder: Path, general: list[str], scale: str | None
) -> tuple[list[Member], list[str]]:
    """Return the sweeps, and which of them have no name."""
    members, problems = [], []
    for i, one in enumerate(settings.sweeps):
        file, name = path.parent / one.file, one.name
        if name is None:
            try:
                name = read_sweep_file(file).values.get("name")
            except InputError:  # told of with what is wrong in the sweep files
                pass
            else:
                if not isinstance(name, str):
                    name = None
                    problems.append(f"sweeps[{i}].name: must be given, since {one.file} has no name for it")
        name = name or _UNNAMED
        own = _overrides(one.set)
        members.append(Member(name, file, general, own, folder / name, one.best_point_of, scale))
    return members, problems


def _overrides(settings: Mapping[str, Any]) -> list[str]:
    """Return settings as overrides, those of a section one by one: what is not named there stays as it is in the file."""
    return [
        f"{key}={json.dumps(value)}" for key, value in _one_by_one(settings, Sweep).items()
    ]  # JSON is YAML


def _one_by_one(settings: Mapping[str, Any], holder: type[BaseModel]) -> dict[str, Any]:
    """Return {dotted key: value}; a search stays whole, since points and a grid are no two parts of one."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        section: type[BaseModel] | None = holder
        for part in key.split("."):
            section = section_of(section, part)
        if value and isinstance(value, dict) and section and not issubclass(section, SearchSettings):
            flat |= {f"{key}.{inner}": one for inner, one in _one_by_one(value, section).items()}
        else:
            flat[key] = value
    return flat


def _misplaced(settings: StudySettings, overrides: Iterable[str]) -> list[str]:
    """Return overrides of what is the study's to say, and not its sweeps'."""
    problems = [
        f"--set {key}: a study's is given by --{key}"
        for override in overrides
        if (key := override.partition("=")[0].strip()) in OF_THE_STUDY
    ]
    problems += [
        f"scales.{name}.{key}: is the study's; leave it out"
        for name, scale in settings.scales.items()
        for key in sorted(OF_THE_STUDY & scale.keys())
    ]
    for i, one in enumerate(settings.sweeps):
        remedy = {"name": f"give sweeps[{i}].name", "storage": "is the study's; leave it out"}
        problems += [f"sweeps[{i}].set.{key}: {remedy[key]}" for key in sorted(OF_THE_STUDY & one.set.keys())]
    return problems


def _name_problems(settings: StudySettings, members: list[Member]) -> list[str]:
    """Return names that occur twice or stand for no earlier sweep."""
    problems, earlier = [], list[str]()
    all_named = all(member.name != _UNNAMED for member in members)  # or it may be the one that is meant
    for i, member in enumerate(members):
        if member.name in earlier and member.name != _UNNAMED:
            problems.append(f"sweeps[{i}].name: {member.name!r} is another sweep's too; give it a name")
        if all_named and member.best_point_of is not None and member.best_point_of not in earlier:
            there = ", ".join(earlier) or "none"
            problems.append(
                f"sweeps[{i}].best_point_of: must be an earlier sweep ({there}), but got {member.best_point_of!r}"
            )
        earlier.append(member.name)
    problems += [
        f"figures[{i}].sweep: must be one of {', '.join(earlier)}, but got {figure.sweep!r}"
        for i, figure in enumerate(settings.figures)
        if all_named and figure.sweep not in earlier
    ]
    return problems


def _point_problems(settings: StudySettings) -> list[str]:
    """Return names in figures' points that are no hyperparameters."""
    return [
        f"figures[{i}].point.{name}: no hyperparameter; {near(name, TUNABLE)}"
        for i, figure in enumerate(settings.figures)
        for name in figure.point or {}
        if name not in TUNABLE
    ]


def _sweep_problems(members: list[Member]) -> list[str]:
    """Return what is wrong with the sweep files, each problem once, with the first place in the study that it is of."""
    problems: dict[str, int] = {}
    for place, member in enumerate(members):
        try:
            trial_specs(member.sweep())
        except InputError as error:
            for problem in error.problems:
                problems.setdefault(f"{error.subject}: {problem}", place)
    return [f"sweeps[{place}].file: {problem}" for problem, place in problems.items()]
