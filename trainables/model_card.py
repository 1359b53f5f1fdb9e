"""A saved model: its numbers in `model.safetensors`, and what it takes to use them in `model.json`."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_utils.errors import InputError, near
from data_utils.normalization import Normalization
from trainables.architectures import ARCHITECTURES, HIDDEN, has_hidden

MODEL, CARD = "model.safetensors", "model.json"

PRECISIONS = ("auto", "fp32", "bf16")
LARGEST = 10**9
"""Of any number in a card; as of a sweep file's."""


@dataclass(frozen=True)
class ModelCard:
    """What `model.json` says that using the model takes."""

    arch: str
    hidden: int
    classes: list[str]
    """In the order of the model's scores."""
    resize: int
    image_size: int
    normalization: Normalization
    precision: str
    """The arithmetic that it was trained and tested in: fp32 or bf16."""
    seed: int
    """Of the retrain that gave the model."""


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(folder: Path) -> ModelCard:
    """Read the card of a sweep's model, and check that the model beside it is the one it describes.

    Raises:
        InputError: no such folder, no model in it, or a card that cannot be read or is another model's.
    """
    if not folder.is_dir():
        raise InputError(str(folder), ["no such folder; give a sweep's folder, as runs/quickstart"])
    missing = [name for name in (MODEL, CARD) if not (folder / name).is_file()]
    if missing:
        remedy = "a sweep leaves a model when a retrain has ended (retrain must not be null)"
        raise InputError(str(folder), [f"holds no {' and no '.join(missing)}; {remedy}"])
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        transform, written = card["transform"], card["digest"]
        found = ModelCard(
            arch=_text(card["arch"]),
            hidden=_count(card["hidden"]),
            classes=[_text(name) for name in card["classes"]],
            resize=_count(transform["resize"]),
            image_size=_count(transform["image_size"]),
            normalization=Normalization(_three(transform["mean"]), _three(transform["std"])),
            precision=_text(card["precision"]),
            seed=int(card["seed"]),
        )
        _check(found)
    except KeyError as error:
        problem = f"has no {error}; it is of another version of upsweep: run the sweep again"
        raise InputError(str(folder / CARD), [problem]) from error
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(str(folder / CARD), [f"cannot be read as a model's card: {error}"]) from error
    if found.arch not in ARCHITECTURES:
        problem = f"is of {found.arch!r}, which is no classifier of torchvision's; {near(found.arch, ARCHITECTURES)}"
        raise InputError(str(folder / CARD), [problem])
    if (actual := digest(folder / MODEL)) != written:
        problem = f"its SHA-256 is {actual}, but {CARD} is of a model of {written}; restore the pair"
        raise InputError(str(folder / MODEL), [problem])
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} must be text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 < value <= LARGEST:
        raise TypeError(f"{value!r} must be a whole number from 1 to {LARGEST:,}")
    return value


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    if not all(math.isfinite(value) for value in (red, green, blue)):
        raise ValueError(f"{values!r} must be finite")
    return red, green, blue


def _check(card: ModelCard) -> None:
    """Raise ValueError for values that are right one by one and make no model."""
    if not card.classes or len(set(card.classes)) < len(card.classes):
        raise ValueError("classes must be at least one, and no two the same")
    if card.hidden != HIDDEN and not has_hidden(card.arch):
        raise ValueError(
            f"hidden must be {HIDDEN} for {card.arch}, which has no hidden layers, but is {card.hidden}"
        )
    if card.image_size > card.resize:
        raise ValueError(f"image_size, {card.image_size}, must be at most resize, {card.resize}")
    if min(card.normalization.std) <= 0:
        raise ValueError(f"std must be more than 0, but is {list(card.normalization.std)}")
    if card.precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, but is {card.precision!r}")
