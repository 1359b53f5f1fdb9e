"""The settings of a sweep: every field documented, unknown keys refused, all problems raised at once."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from data_utils.archive import archive_problem, is_archive
from data_utils.augment import parse_augmentation
from data_utils.caches import working_folder
from data_utils.errors import InputError, near
from data_utils.places import endpoint_problem, is_s3, s3_place, s3_problem, under
from trainables.architectures import ARCHITECTURES, HIDDEN, has_hidden
from tuning.plain_values import dotted
from tuning.setting_problems import setting_problems
from tuning.sweep_file import SweepFile, read_sweep_file


def _one_value(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise PydanticCustomError(
            "one_value", "must be one value, not a list or a mapping; lists of values go in grid"
        )
    return value


Scalar = Annotated[bool | int | float | str | None, BeforeValidator(_one_value)]
"""A hyperparameter's value."""

LARGEST_SEED = 2**63 - 1
LARGEST = 10**9
"""Of any other whole number, so that every one fits its column."""
MOST_EPOCHS = 10**6
"""Of all trials of a sweep together; each is looked at before any is run."""


class Settings(BaseModel):
    """The base of all settings: immutable, exact types, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


def _path(text: str) -> str:
    try:
        os.fsencode(Path(text).expanduser())
    except (RuntimeError, ValueError) as error:  # no such user's home, or half a character
        raise PydanticCustomError(
            "path", "must name a file or folder ({reason})", {"reason": str(error)}
        ) from error
    if not text or "\0" in text:
        raise PydanticCustomError("path", "must name a file or folder, and hold no NUL")
    return text


PathText = Annotated[str, AfterValidator(_path)]
"""Where something lies, relative to the working directory or absolute."""


def _root(text: str) -> str:
    """Let through a folder, or the address of an archive; one that is refused is not repeated, since it may hold a secret."""
    if not is_archive(text):
        return _path(text)
    if problem := archive_problem(text):
        raise PydanticCustomError("uri", "{problem}", {"problem": problem})
    return text


class DataSettings(Settings):
    """Which images, and in which form a network sees them."""

    root: Annotated[str, AfterValidator(_root)]
    """Folder that holds one folder of images a class (or Caltech-101's own), or a tar or zip of one by `s3://` or
    `https://`, which each machine fetches once into its cache (`#sha256=...` behind it is compared), or `sample` for the
    embedded digits."""
    on_bad_image: Literal["error", "skip"] = "error"
    """What to do about images that cannot be decoded: refuse to start and name them, or leave them out."""
    resize: int = Field(256, ge=1, le=LARGEST)
    """Short side in pixels that every image is resized to, once."""
    image_size: int = Field(224, ge=1, le=LARGEST)
    """Side in pixels of the square crop that a network sees; at most `resize`."""
    transform: Literal["auto", "scratch", "transfer"] = "auto"
    """Normalisation: mean 0.5 and std 0.5, or ImageNet's. `auto` is `transfer` when there are weights, or one of the
    paper's augmentations."""
    batch_size: int = Field(256, ge=1, le=LARGEST)
    """Images a training step."""
    eval_batch_size: int = Field(256, ge=1, le=LARGEST)
    """Images at once in validation and test."""
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    """Seed of the split of a folder that has no lists."""

    @model_validator(mode="after")
    def _crop_fits(self) -> "DataSettings":
        if self.image_size > self.resize:
            raise PydanticCustomError(
                "crop",
                "image_size must be at most resize ({resize}) but got {image_size}; raise resize or crop less",
                {"resize": self.resize, "image_size": self.image_size},
            )
        return self


def _architecture(name: str) -> str:
    if name not in ARCHITECTURES:
        raise PydanticCustomError(
            "arch", "must be a classifier of torchvision's ({hint})", {"hint": near(name, ARCHITECTURES)}
        )
    return name


def _freeze(value: Any) -> Any:
    names = isinstance(value, list) and value and all(isinstance(name, str) and name for name in value)
    if value in (None, "features", "classifier") or names:
        return value
    raise PydanticCustomError(
        "freeze", "must be features, classifier, null, or a list of modules such as [conv1, layer1]"
    )


class ModelSettings(Settings):
    """The network, what it starts from, and which part of it stands still."""

    arch: Annotated[str, AfterValidator(_architecture)]
    """Architecture: any of torchvision's classifiers by its name there, such as `alexnet`, `vgg11`, `resnet18`, `vit_b_16`."""
    weights: PathText | None = None
    """What to start from: `imagenet`, a .safetensors or state-dict file (which may hold some layers only), or null."""
    freeze: Annotated[Literal["features", "classifier"] | list[str] | None, BeforeValidator(_freeze)] = None
    """Part that is not trained: `features` (all before the head), `classifier` (the head), a list of the network's modules
    such as `[conv1, layer1]`, or null."""
    hidden: int = Field(HIDDEN, ge=1, le=LARGEST)
    """Width of the classifier's hidden layers, for AlexNet and VGGs; torchvision's is 4096. At another, a weight file's classifier of another
    width is left out."""
    init: Literal["torchvision", "kaiming"] = "torchvision"
    """Initial values of what `weights` does not hold."""

    @field_validator("hidden")
    @classmethod
    def _has_hidden(cls, hidden: int, info: ValidationInfo) -> int:
        arch = info.data.get("arch")
        if arch and hidden != HIDDEN and not has_hidden(arch):
            problem = (
                "must be left out for {arch}: only AlexNet and VGGs have hidden layers of a width to set"
            )
            raise PydanticCustomError("hidden", problem, {"arch": arch})
        return hidden


class OfflineSettings(Settings):
    """A training split made larger beforehand."""

    copies: int = Field(4, ge=1, le=1000)
    """Augmented copies of each training image, beside the image itself."""


def _augmentation(value: str | list[Any]) -> str | list[Any]:
    try:
        parse_augmentation(value)
    except ValueError as error:
        raise PydanticCustomError("augment", "{reason}", {"reason": str(error)}) from error
    return value


class TrainSettings(Settings):
    """How a trial trains: the paper's Algorithm 1."""

    max_epochs: int = Field(200, ge=1, le=LARGEST)
    """Epochs at most."""
    optimizer: Literal["sgd"] = "sgd"
    """Optimizer."""
    lr: float = Field(0.01, gt=0, allow_inf_nan=False)
    """Initial learning rate."""
    step_size: int = Field(30, ge=1, le=LARGEST)
    """Epochs after which the rate is multiplied by gamma, again and again."""
    gamma: float = Field(0.1, gt=0, le=1)
    """What the rate is multiplied by."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of SGD."""
    weight_decay: float = Field(5e-5, ge=0, allow_inf_nan=False)
    """Weight decay (L2) of SGD."""
    augment: Annotated[str | list[Any], AfterValidator(_augmentation)] = "none"
    """Augmentation of the training images, afresh every epoch: `none`, `augment-1`, `augment-2`, `augment-3` (the
    paper's sets), or a list of operations such as `[{random_crop: {}}, {rotation: {degrees: 30}}]`."""
    augment_offline: OfflineSettings | None = None
    """Apply `augment` beforehand instead, to make a larger training split once; null: online."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic: bf16 autocast, fp32, or bf16 where the processor computes with it."""
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    """Seed of initial values, data order and dropout."""

    @model_validator(mode="after")
    def _copies_differ(self) -> "TrainSettings":
        if self.augment_offline and parse_augmentation(self.augment) is None:
            raise PydanticCustomError(
                "augment", "augment_offline makes copies by augment, which is none; give operations"
            )
        return self


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


def _address(uri: str) -> str:
    """Let through an address that holds no secret; what is refused is not repeated, since it may hold one."""
    try:
        parts = urlsplit(uri)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number
        plain = False
    if "@" in uri:
        raise PydanticCustomError(
            "uri",
            "must hold no user and password, which would be written down with the results; "
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead",
        )
    if not plain or parts.query or parts.fragment:
        raise PydanticCustomError(
            "uri",
            "must be a server's address alone, such as http://127.0.0.1:5000; `mlflow server` starts one",
        )
    return uri.rstrip("/")


class MlflowSettings(Settings):
    """A run on an MLflow server for each trial and each retrain."""

    uri: Annotated[str, AfterValidator(_address)]
    """Address of the server, such as `http://127.0.0.1:5000`. A user and password, or a token, come from the
    environment alone: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."""
    experiment: str | None = Field(None, min_length=1)
    """Experiment that the runs go to, made if need be; null: the sweep's name."""


class WandbSettings(Settings):
    """A run of Weights & Biases for each trial and each retrain, grouped by the sweep's name."""

    project: str = Field(min_length=1)
    """Project that the runs go to. The key comes from the environment (WANDB_API_KEY) or `wandb login` alone."""
    entity: str | None = Field(None, min_length=1)
    """User or team that the project is of; null: the key's own."""
    mode: Literal["online", "offline"] = "online"
    """Send what happens as it happens, or only write it to the sweep's folder, for `wandb sync` later."""


class TrackSettings(Settings):
    """Where a sweep's curves can be watched, beside its own tables."""

    tensorboard: bool = True
    """Whether each trial writes TensorBoard's event files, into the sweep's `ray` folder."""
    mlflow: MlflowSettings | None = None
    """MLflow, with `pip install 'upsweep[mlflow]'`; null: none."""
    wandb: WandbSettings | None = None
    """Weights & Biases, with `pip install 'upsweep[wandb]'`; null: none."""


def _storage(text: str) -> str:
    """Let through a folder or an s3 address; one that is refused is not repeated, since it may hold a secret."""
    if not is_s3(text):
        return _path(text)
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
