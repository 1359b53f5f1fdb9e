"""A trained network in use: what it says of images, through training's own code."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torchvision.models import get_model_weights

from data_utils.batches import Batch, EvalBatches, Source, to_device
from data_utils.errors import InputError
from data_utils.folder import is_utf8
from data_utils.normalization import Normalization
from data_utils.pixel_source import PixelSource
from data_utils.pixel_store import PixelStore, Progress, decode_all, write_store
from data_utils.prepared import open_folder, refuse_bad
from data_utils.splits import Indices
from trainables.architectures import HIDDEN, has_hidden
from trainables.learner import Learner, Predictions
from trainables.model_card import CARD, MODEL, ModelCard, read_card
from trainables.models import build, check_weights, not_held, outline, read_weights
from trainables.network_check import network_problems
from trainables.parts import last_layer

BATCH_SIZE = 256


@dataclass(frozen=True, eq=False)
class Trained:
    """A network on a device, and what it takes to use it."""

    card: ModelCard
    model: nn.Module
    device: torch.device
    fresh: frozenset[str]
    """Parameters that the weights lack, which therefore mean nothing."""

    def pixels(self, store: PixelStore) -> PixelSource:
        """Return a store's images, resized as the card says, as the network is to see them."""
        return PixelSource(store, self.card.image_size, self.card.normalization, self.device)


def open_run(folder: Path, device: torch.device) -> Trained:
    """Open the model of a sweep's folder.

    Raises:
        InputError: as `read_card`, or the model is not what the card says.
    """
    card = read_card(folder)
    if problems := network_problems(card.arch, card.image_size, None, 2):
        raise InputError(str(folder / CARD), problems)
    if lacking := check_weights(card.arch, len(card.classes), folder / MODEL, card.hidden, card.image_size):
        problem = f"lacks {', '.join(lacking)} of the network that {CARD} describes; restore the pair"
        raise InputError(str(folder / MODEL), [problem])
    model = build(
        card.arch, len(card.classes), folder / MODEL, hidden=card.hidden, image_size=card.image_size
    )
    return Trained(card, model.to(device).eval(), device, frozenset())


def open_weights(weights: str, arch: str, device: torch.device) -> Trained:
    """Open "imagenet" or a weight file, to be used with the sizes and the normalisation of torchvision's own weights.

    Raises:
        InputError: weights that cannot be read or do not fit.
    """
    state = read_weights(arch, weights)
    last = state.get(f"{last_layer(outline(arch))}.weight")
    classes, inputs = (1000, HIDDEN) if last is None or last.dim() < 2 else last.shape[:2]
    if not classes or not inputs:
        raise InputError(weights, [f"its last layer is {classes} x {inputs}, which is for no classes at all"])
    theirs = get_model_weights(arch).DEFAULT.transforms()
    card = ModelCard(
        arch=arch,
        hidden=inputs if has_hidden(arch) else HIDDEN,
        classes=[str(label) for label in range(classes)],
        resize=theirs.resize_size[0],
        image_size=theirs.crop_size[0],
        normalization=Normalization(tuple(theirs.mean), tuple(theirs.std)),
        precision="fp32",
        seed=0,
    )
    model = build(arch, classes, weights, hidden=card.hidden, image_size=card.image_size)
    fresh = frozenset(not_held(model.state_dict(), state))
    return Trained(card, model.to(device).eval(), device, fresh)


def evaluate(trained: Trained, root: str, progress: Progress | None = None) -> tuple[list[str], Predictions]:
    """Test a model on a folder of class folders; return the images' names and, in their order, what it says of them.

    Labels are places in the card's classes. A class without a folder is left out.

    Raises:
        InputError: the folder or its images cannot be used, or it has classes that the model does not know.
    """
    images = open_folder(root)
    classes = trained.card.classes
    if unknown := [name for name in images.classes if name not in classes]:
        problem = f"the model does not know {', '.join(unknown)}; its classes are {', '.join(classes)}"
        raise InputError(f"classes of {images.folder}", [problem])
    store = PixelStore.of(images, trained.card.resize, progress)
    refuse_bad(store, images, "mend or remove them")
    of_model = np.array([classes.index(name) for name in images.classes], np.int64)
    source = Relabelled(trained.pixels(store), of_model[store.labels])
    return store.names, _predictions(trained, source, np.arange(len(store)))


def predict_files(
    trained: Trained, paths: Sequence[str]
) -> tuple[list[str], npt.NDArray[np.float32], dict[str, str]]:
    """Return the images that can be read, (images, classes) probabilities of them, and {image: why} of the others."""
    bad = {path: "no such file that may be read" for path in paths if not _readable(path)}
    bad |= {path: "its name is not UTF-8; rename it" for path in paths if not is_utf8(path)}
    there = [path for path in paths if path not in bad]
    with TemporaryDirectory() as folder:
        write_store(
            file := Path(folder, "images.arrow"), decode_all(Pictures(there), trained.card.resize), {}
        )
        store = PixelStore(file)
        bad |= {there[index]: why for index, why in store.errors.items()}
        good = np.array([i for i in range(len(there)) if i not in store.errors], np.int64)
        probabilities = np.zeros((0, len(trained.card.classes)), np.float32)
        if len(good):
            probabilities = _predictions(trained, trained.pixels(store), good).probabilities
    return [there[i] for i in good], probabilities, bad


class Pictures:
    """Image files as a pixel store takes them; their labels mean nothing."""

    def __init__(self, paths: Sequence[str]):
        self.folder = Path()
        self.names = list(paths)
        self.samples = [(path, 0) for path in paths]


class Relabelled:
    """A source whose images have other labels: `labels` is that of every image."""

    def __init__(self, source: Source, labels: npt.NDArray[np.int64]):
        self._source, self._labels = source, labels
        self.device = source.device

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return the batch of these samples."""
        batch = self._source.gather(indices, rng)
        return Batch(batch.inputs, to_device(self._labels[indices], self.device))


def _predictions(trained: Trained, source: Source, indices: Indices) -> Predictions:
    # The learner's own arithmetic, so that a test gives the numbers that the retrain's gave; it trains nothing here.
    learner = Learner(
        trained.model, lr=1, step_size=1, device=trained.device, precision=trained.card.precision
    )
    return learner.predict(EvalBatches(source, indices, BATCH_SIZE))


def _readable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.R_OK)
