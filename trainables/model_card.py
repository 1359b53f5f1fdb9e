"""A saved model: its numbers in `model.safetensors`, and what it takes to use them in `model.json`."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_utils.errors import InputError, near
from data_utils.normalization import Normalization
from trainables.architectures import ARCHITECTURES

MODEL, CARD = "model.safetensors", "model.json"


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
            arch=card["arch"],
            hidden=card["hidden"],
            classes=list(card["classes"]),
            resize=transform["resize"],
            image_size=transform["image_size"],
            normalization=Normalization(tuple(transform["mean"]), tuple(transform["std"])),
            precision=card["precision"],
            seed=card["seed"],
        )
    except KeyError as error:
        problem = f"has no {error}; it is of another version of upsweep: run the sweep again"
        raise InputError(str(folder / CARD), [problem]) from error
    except (OSError, ValueError, TypeError) as error:
        raise InputError(str(folder / CARD), [f"cannot be read as a model's card: {error}"]) from error
    if found.arch not in ARCHITECTURES:
        problem = f"is of {found.arch!r}, which is no classifier of torchvision's; {near(found.arch, ARCHITECTURES)}"
        raise InputError(str(folder / CARD), [problem])
    if (actual := digest(folder / MODEL)) != written:
        problem = f"its SHA-256 is {actual}, but {CARD} is of a model of {written}; restore the pair"
        raise InputError(str(folder / MODEL), [problem])
    return found
