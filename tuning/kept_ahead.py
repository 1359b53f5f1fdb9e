"""Whether what sweeps share is kept already, told by a mark, so that no process need be started to find out.

A mark decides no number: what is not there in spite of one is computed by the trials.
"""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_utils.caches import cache_dir
from data_utils.prepared import PreparedData
from trainables.architectures import IMAGENET
from trainables.recipe import Recipe
from tuning.marks import mark, marked, state_of
from tuning.results import processor_name

_OF_TRAINING = ("lr", "step_size", "momentum", "weight_decay", "gamma", "batch_size", "eval_batch_size")
"""What no kept feature and no copy of an image hangs on, of a recipe's fields."""


def is_kept(recipe: Recipe, split: str, data: PreparedData, device: str) -> bool:
    """Return whether this machine is known to keep all that these trainings share. Needs no PyTorch.

    Args:
        split: the field of `Splits` that they train on.
        data: of the recipe.
    """
    try:
        found = marked(_hangs_on(recipe, split, data, device))
        return "bytes" in found and all(
            (cache_dir() / file).stat().st_size == size for file, size in found["bytes"].items()
        )
    except OSError:
        return False


def mark_kept(recipe: Recipe, split: str, data: PreparedData, device: str, files: Iterable[Path]) -> None:
    """Write down that these files of the cache are all that is shared."""
    try:
        sizes = {str(file.relative_to(cache_dir())): file.stat().st_size for file in sorted(files)}
        hangs_on = _hangs_on(recipe, split, data, device)
    except OSError:  # something has gone meanwhile: there is nothing to mark
        return
    mark(hangs_on, {"bytes": sizes})


def _hangs_on(recipe: Recipe, split: str, data: PreparedData, device: str) -> dict[str, Any]:
    """Return what the kept files depend on, as far as it is known without PyTorch: another GPU goes unseen, and its trials compute."""
    from_file = recipe.weights not in (None, IMAGENET)
    return {
        "kept": {name: value for name, value in asdict(recipe).items() if name not in _OF_TRAINING},
        "weights": state_of(str(recipe.weights)) if from_file else None,
        "store": data.store.metadata["key"],
        "split": [split, data.splits.digest],
        "computed_by": [processor_name(), device],
    }
