"""The settings of a sweep: every field documented, unknown keys refused, all problems raised at once."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from data_utils.caches import working_folder
from data_utils.errors import InputError
from data_utils.places import endpoint_problem, is_s3, s3_place, s3_problem, under
from tuning.plain_values import dotted
from tuning.setting_problems import setting_problems
from tuning.setting_types import LARGEST, LARGEST_SEED, Scalar, Settings, checked_path
from tuning.sweep_file import SweepFile, read_sweep_file
from tuning.tracker_settings import TrackSettings
from tuning.training_settings import DataSettings, ModelSettings, TrainSettings

MOST_EPOCHS = 10**6
"""Of all trials of a sweep together; each is looked at before any is run."""


class SearchSettings(Settings):
    """The hyperparameters to try: exactly one of `points` and `grid`."""

    points: list[dict[str, Scalar]] | None = Field(None, min_length=1)
    """The trials, one by one."""
    grid: dict[str, Annotated[list[Scalar], Field(min_length=1)]] | None = Field(None, min_length=1)
    """Values for each hyperparameter; every combination is a trial."""

    @model_validator(mode="after")
    def _exactly_one(self) -> "SearchSettings":
        if (self.points is None) == (self.grid is None):
            raise PydanticCustomError("search", "exactly one of points and grid must be given")
        return self


class UpSettings(Settings):
    """The UP rule; see `tuning.criteria.Up`."""

    strip_length: int = Field(5, ge=1)
    """Epochs a strip (k)."""
    successive: int = Field(5, ge=1)
    """Successive strips without progress that stop a trial (s)."""
    ties: Literal["stop", "reset"] = "stop"
    """Whether an equal accuracy counts as no progress (the paper) or breaks the run (Prechelt)."""


class StopSettings(Settings):
    """What ends a trial before its last epoch."""

    up: UpSettings | None = UpSettings()
    """Early stopping on validation accuracy; null: none."""
    non_finite: bool = True
    """Whether a training loss that is NaN or infinite ends the trial."""


def _distinct(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise PydanticCustomError("distinct", "must not repeat a seed, which would compute the same again")
    return seeds


class RetrainSettings(Settings):
    """Training the winner again, on train + validation, for the test."""

    seeds: Annotated[list[Annotated[int, Field(ge=0, le=LARGEST_SEED)]], AfterValidator(_distinct)] = Field(
        [0], min_length=1
    )
    """One retrain and test a seed; no seed twice."""


def _gpus(value: Any) -> Any:
    if value == "auto":
        return value
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (0 <= value < 1 or value % 1 == 0 < value)
    ):
        return value
    raise PydanticCustomError("gpus", "must be auto, a fraction of a GPU, or a whole number of GPUs")


def _cpus(value: Any) -> Any:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise PydanticCustomError("cpus", "must be auto, or a whole number of CPU cores of at least 1")


class ResourceSettings(Settings):
    """What a trial takes of a machine."""

    cpus: Annotated[int | Literal["auto"], BeforeValidator(_cpus)] = 1
    """CPU cores a trial, and threads it computes with. `auto`: where trials compute on the CPU and are fewer than the
    cores, an equal share of a machine's cores each; otherwise 1."""
    gpus: Annotated[float | Literal["auto"], BeforeValidator(_gpus)] = "auto"
    """GPUs a trial: a fraction of one, which lets several share it, or a whole number. `auto`: one if there is any."""
    max_concurrent: int | None = Field(None, ge=1)
    """Trials at once at most; null: as many as fit."""


class FaultSettings(Settings):
    """What a sweep does against faults."""

    checkpoint_seconds: float | None = Field(60.0, gt=0)
    """Least seconds between a running trial's checkpoints, of which the last is kept; null: none are taken, but
    for the one at an interrupt."""
    max_failures: int = Field(3, ge=0, le=LARGEST)
    """How often a trial, or a retrain, that fails is tried again from its last checkpoint before it counts as failed:
    for want of memory, by a crash, or with the machine it ran on."""


def _storage(text: str) -> str:
    """Let through a folder or an s3 address; one that is refused is not repeated, since it may hold a secret."""
    if not is_s3(text):
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", text):  # more than a letter, which is a drive
            rule = "must be a folder, or s3://bucket/prefix with a small s; no other kind of storage is known"
            raise PydanticCustomError("uri", rule)
        return checked_path(text)
    if problem := s3_problem(text):
        raise PydanticCustomError("uri", "{problem}", {"problem": problem})
    return text.rstrip("/")


def _endpoint(uri: str) -> str:
    if problem := endpoint_problem(uri):
        raise PydanticCustomError("uri", "{problem}", {"problem": problem})
    return uri.rstrip("/")


class S3Settings(Settings):
    """The server that a storage `s3://bucket/prefix` is at. Keys come from the environment of each machine alone, as
    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or wherever else Amazon's own clients look."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    """Address of the server, such as `http://127.0.0.1:9000`; null: `$AWS_ENDPOINT_URL`, or else Amazon's."""
    region: str | None = Field(None, min_length=1)
    """Region of the bucket; null: `$AWS_REGION`, or else what the client takes it to be."""


class Sweep(Settings):
    """A whole sweep file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    """Name of the sweep's folder: letters, digits, dots, dashes and underscores."""
    data: DataSettings
    model: ModelSettings
    train: TrainSettings = TrainSettings()
    search: SearchSettings
    stop: StopSettings = StopSettings()
    retrain: RetrainSettings | None = RetrainSettings()
    """null: no retrain, no test."""
    resources: ResourceSettings = ResourceSettings()
    faults: FaultSettings = FaultSettings()
    track: TrackSettings = TrackSettings()
    storage: Annotated[str, AfterValidator(_storage)] = "runs"
    """Folder that holds the sweep's folder, or `s3://bucket/prefix`. On several machines all must reach it."""
    s3: S3Settings = S3Settings()
    scale: str | None = None
    """Which smaller version of its study it is; studies write it down, so that its results say so."""

    @property
    def place(self) -> str:
        """Where the sweep's files are in the end: its folder, or what stands for one at S3."""
        if not is_s3(self.storage):
            return str(self.folder)
        return under(s3_place(self.storage, self.s3.endpoint, self.s3.region), self.name)

    @property
    def retrain_seeds(self) -> list[int]:
        """The seeds that the winner is retrained with; none with `retrain: null`."""
        return self.retrain.seeds if self.retrain else []

    @property
    def folder(self) -> Path:
        """The folder that the driver works in, absolute: the sweep's own, or with a storage at S3 one of the cache."""
        if is_s3(self.storage):
            return working_folder(self.place)
        return Path(self.storage).expanduser().resolve() / self.name


def load_sweep(
    path: str | Path, overrides: list[str] | None = None, given: Mapping[str, str] | None = None
) -> Sweep:
    """Read a sweep file with `a.b=c` overrides, and with `given` in place of its `name` or `storage`.

    Raises:
        InputError: everything wrong with the file and its search points, each with its line.
    """
    file = read_sweep_file(path, overrides, given)
    try:
        sweep = Sweep.model_validate(file.values)
    except ValidationError as error:
        found = setting_problems(error, file, Sweep)
        raise InputError(file.source, found + _search_problems(_search_alone(file), file)) from error
    if problems := _search_problems(sweep, file):
        raise InputError(file.source, problems)
    return sweep


def _search_alone(file: SweepFile) -> Sweep | None:
    """Return the file's search in a sweep that is otherwise right, so that its problems come with the others."""
    stand_in = {"name": "x", "data": {"root": "x"}, "model": {"arch": "alexnet"}}
    try:
        return Sweep.model_validate(stand_in | {"search": file.values.get("search")})
    except ValidationError:
        return None  # the search's own problems are among the file's


def _search_problems(sweep: Sweep | None, file: SweepFile) -> list[str]:
    from tuning.space import check_points  # which needs Sweep

    found = check_points(sweep) if sweep else []
    return [f"{file.where(place)}: {dotted(place)}: {problem}" for place, problem in found]
