"""The settings of a training: the images, the network, and how it learns."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from data_utils.archive import archive_problem, is_archive
from data_utils.augment import parse_augmentation
from data_utils.errors import near
from trainables.architectures import ARCHITECTURES, HIDDEN, has_hidden
from tuning.setting_types import LARGEST, LARGEST_SEED, PathText, Settings, checked_path


def _root(text: str) -> str:
    """Let through a folder, or the address of an archive; one that is refused is not repeated, since it may hold a secret."""
    if not is_archive(text):
        return checked_path(text)
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
    deterministic: bool = False
    """Whether a GPU computes by algorithms alone that give the same bits every time, where PyTorch has them; they may be
    slower. A CPU has no others."""
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    """Seed of initial values, data order and dropout."""

    @model_validator(mode="after")
    def _copies_differ(self) -> "TrainSettings":
        if self.augment_offline and parse_augmentation(self.augment) is None:
            raise PydanticCustomError(
                "augment", "augment_offline makes copies by augment, which is none; give operations"
            )
        return self
