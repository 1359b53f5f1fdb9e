"""Marks of what sweeps share and is kept already, by which the next sweep need not start a process to find it out.

A mark decides no number: what is not there in spite of one is computed by the trials, and what is there without one is opened
in a process, to see.
"""

import hashlib
import json
import logging
import os
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
from tuning.results import processor_name

logger = logging.getLogger(__name__)

_OF_TRAINING = ("lr", "step_size", "momentum", "weight_decay", "gamma", "batch_size", "eval_batch_size")
"""What no kept feature and no copy of an image hangs on, of a recipe's fields."""


def is_kept(recipe: Recipe, split: str, data: PreparedData, device: str) -> bool:
    """Return whether this machine is known to keep all that these trainings share. Needs no PyTorch.

    Args:
        split: the field of `Splits` that they train on.
        data: of the recipe.
    """
    try:
        sizes: dict[str, int] = read_sealed(_mark(recipe, split, data, device))["bytes"]
        return all((cache_dir() / file).stat().st_size == size for file, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def mark_kept(recipe: Recipe, split: str, data: PreparedData, device: str, files: Iterable[Path]) -> None:
    """Write down that these files of the cache are all that is shared."""
    try:
        sizes = {str(file.relative_to(cache_dir())): file.stat().st_size for file in sorted(files)}
        marks_folder().mkdir(parents=True, exist_ok=True)
        with renamed(_mark(recipe, split, data, device)) as part:
            part.write_text(sealed({"bytes": sizes}), encoding="utf-8")
    except OSError as error:  # which costs the next sweep some seconds, and no more
        logger.warning("%s cannot be written to: %s", marks_folder(), error)


def _mark(recipe: Recipe, split: str, data: PreparedData, device: str) -> Path:
    """Return the file that marks it, named by what is kept hangs on, as far as it is known without PyTorch.

    Another GPU, or a library of the same version that computes otherwise, goes unseen: its trials compute.
    """
    weights = None
    if recipe.weights not in (None, IMAGENET):
        status = os.stat(Path(recipe.weights).expanduser())
        weights = [status.st_size, status.st_mtime_ns]
    entry = {
        "recipe": {name: value for name, value in asdict(recipe).items() if name not in _OF_TRAINING},
        "weights": weights,
        "store": data.store.metadata["key"],
        "split": [split, data.splits.digest],
        "machine": [processor_name(), device, versions()],
    }
    digest = hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()[:16]
    return marks_folder() / f"{digest}.json"
