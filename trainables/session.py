"""A recipe made real on a device: its data, its network, its batches."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from data_utils.augment import Augmentation, parse_augmentation
from data_utils.batches import EvalBatches, Source, TrainBatches
from data_utils.features import FeatureSource, KeptFeatures, keep_features
from data_utils.normalization import NORMALIZATIONS
from data_utils.offline import JoinedSource, keep_copies
from data_utils.pixel_source import PixelSource
from data_utils.pixel_store import PixelStore, Progress
from data_utils.prepared import PreparedData
from data_utils.splits import Indices
from trainables.determinism import deterministic_algorithms
from trainables.learner import Learner
from trainables.models import build
from trainables.parts import frozen_part, still_modules, trained_part
from trainables.precision import autocast_dtype, exact_fp32
from trainables.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Session:
    """What one training works with."""

    recipe: Recipe
    data: PreparedData
    learner: Learner
    source: Source

    def train_batches(self, indices: Indices, progress: Progress | None = None) -> TrainBatches:
        """Return the training batches of these samples, with their augmented copies if the recipe wants any."""
        recipe, source = self.recipe, self.source
        if recipe.offline_copies:
            copies = self._copies(indices, progress)
            source = JoinedSource(
                source, len(self.data.store), _pixels(recipe, copies, self.learner.device, None)
            )
            indices = np.concatenate([indices, len(self.data.store) + np.arange(len(copies))])
        return TrainBatches(source, indices, recipe.batch_size, recipe.seed)

    def eval_batches(self, indices: Indices) -> EvalBatches:
        """Return the evaluation batches of these samples."""
        return EvalBatches(self.source, indices, self.recipe.eval_batch_size)

    def _copies(self, indices: Indices, progress: Progress | None) -> PixelStore:
        recipe, store = self.recipe, self.data.store
        augmenting = _pixels(recipe, store, torch.device("cpu"), parse_augmentation(recipe.augment))
        return keep_copies(
            store,
            indices,
            augmenting,
            copies=recipe.offline_copies,
            seed=recipe.seed,
            made_with=f"{recipe.augment} {recipe.image_size}",
            progress=progress,
        )


def open_session(recipe: Recipe, device: torch.device, progress: Progress | None = None) -> Session:
    """Open a recipe's data, build its network and its learner at epoch 0.

    With frozen features and no augmentation, what the frozen part gives for each image is computed once and kept, and
    the rest of the network trains on that.

    Args:
        progress: told of images whose features are computed.

    Raises:
        InputError: data, weights or cache that cannot be used.
    """
    data = recipe.data()
    model = build(
        recipe.arch,
        len(data.classes),
        recipe.weights,
        recipe.freeze,
        hidden=recipe.hidden,
        init=recipe.init,
        image_size=recipe.image_size,
        seed=recipe.seed,
    )
    online = None if recipe.offline_copies else parse_augmentation(recipe.augment)
    pixels = _pixels(recipe, data.store, device, online)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    source: Source = pixels
    forward: nn.Module = model
    if recipe.keeps_features:
        source = FeatureSource(
            _features(recipe, model, pixels, data, device, progress), data.store.labels, device
        )
        forward = trained_part(model, recipe.image_size)
    learner = Learner(
        model,
        forward=forward,
        still=still_modules(model, recipe.freeze),
        lr=recipe.lr,
        step_size=recipe.step_size,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        gamma=recipe.gamma,
        seed=recipe.seed,
        device=device,
        precision=recipe.precision,
        deterministic=recipe.deterministic,
    )
    return Session(recipe, data, learner, source)


def _pixels(
    recipe: Recipe, store: PixelStore, device: torch.device, augmentation: Augmentation | None
) -> PixelSource:
    return PixelSource(store, recipe.image_size, NORMALIZATIONS[recipe.transform], device, augmentation)


@exact_fp32()
def _features(
    recipe: Recipe,
    model: nn.Module,
    pixels: PixelSource,
    data: PreparedData,
    device: torch.device,
    progress: Progress | None,
) -> KeptFeatures:
    how = (
        " deterministic" if recipe.deterministic and device.type == "cuda" else ""
    )  # a CPU computes no other way
    with deterministic_algorithms(recipe.deterministic):
        return keep_features(
            frozen_part(model),
            pixels,
            data.store,
            made_with=f"{recipe.arch} {recipe.image_size} {recipe.transform}{how}",
            device=device,
            dtype=autocast_dtype(recipe.precision, device),
            progress=progress,
        )
