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
    gpu_share: float

    def train_batches(self, indices: Indices, progress: Progress | None = None) -> TrainBatches:
        """Return the training batches of these samples, with their augmented copies if the recipe wants any."""
        recipe, source = self.recipe, self.source
        if recipe.offline_copies:
            copies, learner = self._copies(indices, progress), self.learner
            further = _source(recipe, learner.model, copies, learner.device, self.gpu_share, progress)
            source = JoinedSource(source, len(self.data.store), further)
            indices = np.concatenate([indices, len(self.data.store) + np.arange(len(copies))])
        return TrainBatches(source, indices, recipe.batch_size, recipe.seed)

    def eval_batches(self, indices: Indices) -> EvalBatches:
        """Return the evaluation batches of these samples."""
        return EvalBatches(self.source, indices, self.recipe.eval_batch_size)

    def _copies(self, indices: Indices, progress: Progress | None) -> PixelStore:
        recipe, store = self.recipe, self.data.store
        augmenting = _pixels(recipe, store, torch.device("cpu"), parse_augmentation(recipe.augment), 1.0)
        return keep_copies(
            store,
            indices,
            augmenting,
            copies=recipe.offline_copies,
            seed=recipe.seed,
            made_with=f"{recipe.augment} {recipe.image_size}",
            progress=progress,
        )


def open_session(
    recipe: Recipe, device: torch.device, progress: Progress | None = None, *, gpu_share: float = 1.0
) -> Session:
    """Open a recipe's data, build its network and its learner at epoch 0.

    With frozen features and no augmentation drawn afresh, what the frozen part gives for each image is computed once and
    kept, and the rest of the network trains on that.

    Args:
        progress: told of images whose features are computed.
        gpu_share: how much of a GPU this training has: its data takes no more of the memory than its share's part.

    Raises:
        InputError: data, weights or cache that cannot be used.
    """
    if recipe.offline_copies:  # which are data as well, beside the images that they are made of
        gpu_share = min(1.0, gpu_share) / 2
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
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    source = _source(recipe, model, data.store, device, gpu_share, progress)
    learner = Learner(
        model,
        forward=trained_part(model, recipe.image_size) if recipe.keeps_features else model,
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
    return Session(recipe, data, learner, source, gpu_share)


def _source(
    recipe: Recipe,
    model: nn.Module,
    store: PixelStore,
    device: torch.device,
    gpu_share: float,
    progress: Progress | None,
) -> Source:
    """Return a store's images as what is trained is to see them: pixels, or what the frozen part gives for them."""
    online = None if recipe.offline_copies else parse_augmentation(recipe.augment)
    pixels = _pixels(recipe, store, device, online, gpu_share)
    if not recipe.keeps_features:
        return pixels
    features = _features(recipe, model, pixels, store, device, progress)
    return FeatureSource(features, store.labels, device, gpu_share)


def _pixels(
    recipe: Recipe,
    store: PixelStore,
    device: torch.device,
    augmentation: Augmentation | None,
    gpu_share: float,
) -> PixelSource:
    normalization = NORMALIZATIONS[recipe.transform]
    return PixelSource(store, recipe.image_size, normalization, device, augmentation, gpu_share)


@exact_fp32()
def _features(
    recipe: Recipe,
    model: nn.Module,
    pixels: PixelSource,
    store: PixelStore,
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
            store,
            made_with=f"{recipe.arch} {recipe.image_size} {recipe.transform}{how}",
            device=device,
            dtype=autocast_dtype(recipe.precision, device),
            progress=progress,
        )
