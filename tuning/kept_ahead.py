"""Marks of what sweeps share and is kept already, by which the next sweep need not start a process to find it out.

A mark decides no number: a trial that finds nothing kept computes it, and one that is kept unmarked is opened once more.
"""

import hashlib
import json
import logging
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from data_utils.caches import cache_dir, marks_folder
from data_utils.file_access import renamed
from data_utils.prepared import PreparedData
from data_utils.sealed_json import read_sealed, sealed
from trainables.alike import versions
from trainables.architectures import IMAGENET
from trainables.recipe import Recipe

logger = logging.getLogger(__name__)

_OF_THE_HEAD = (
    "hidden", "lr", "step_size", "momentum", "weight_decay", "gamma", "batch_size", "eval_batch_size",
)  # fmt: skip
"""What no kept feature and no copy of an image hangs on, of a recipe's fields."""


def is_kept(recipe: Recipe, split: str, data: PreparedData, device: str) -> bool:
    """Return whether this machine is known to keep all that these trainings share. Needs no PyTorch.

    Args:
        split: the field of `Splits` that they train on.
        data: of the recipe.
    """
    try:
        files: list[str] = read_sealed(_mark(recipe, split, data, device))["files"]
    except (OSError, ValueError, KeyError):
        return False
    return all((cache_dir() / file).is_file() for file in files)


def mark_kept(recipe: Recipe, split: str, data: PreparedData, device: str, files: Iterable[Path]) -> None:
    """Write down that these files of the cache are all that is shared."""
    relative = sorted(str(file.relative_to(cache_dir())) for file in files)
    try:
        marks_folder().mkdir(parents=True, exist_ok=True)
        with renamed(_mark(recipe, split, data, device)) as part:
            part.write_text(sealed({"files": relative}), encoding="utf-8")
    except OSError as error:  # which costs the next sweep some seconds, and no more
        logger.warning("%s cannot be written to: %s", marks_folder(), error)


def _mark(recipe: Recipe, split: str, data: PreparedData, device: str) -> Path:
    """Return the file that marks it, named by everything that what is kept hangs on."""
    weights = None
    if recipe.weights not in (None, IMAGENET):
        status = os.stat(Path(recipe.weights).expanduser())
        weights = [status.st_size, status.st_mtime_ns]
    entry = {
        "recipe": {name: value for name, value in asdict(recipe).items() if name not in _OF_THE_HEAD},
        "weights": weights,
        "store": data.store.metadata["key"],
        "split": [split, data.splits.digest],
        "machine": [platform.node(), device, versions()],
    }
    digest = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:16]
    return marks_folder() / f"{digest}.json"
