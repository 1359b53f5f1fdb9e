"""Kept features change no number: a frozen network trained on them is the one trained the long way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data_utils.normalization import NORMALIZATIONS
from data_utils.offline import JoinedSource
from data_utils.pixel_source import PixelSource
from tests.trainables.test_classifier import RECIPE
from trainables.learner import Learner
from trainables.models import build
from trainables.parts import still_modules
from trainables.recipe import Recipe
from trainables.session import open_session

CPU = torch.device("cpu")
FROZEN = replace(RECIPE, freeze="features", hidden=32, lr=0.05)


def curve(recipe: Recipe, epochs: int = 3) -> list[tuple[float | None, float]]:
    """Return (training loss, validation accuracy) of each epoch."""
    session = open_session(recipe, CPU)
    train = session.train_batches(session.data.splits.train[:300])
    val = session.eval_batches(session.data.splits.val[:300])
    return [
        (session.learner.train_epoch(train).loss, session.learner.evaluate(val).accuracy)
        for _ in range(epochs)
    ]


def long_way(recipe: Recipe, epochs: int = 3) -> list[tuple[float | None, float]]:
    """Return the same with the frozen part run on every image every epoch."""
    session = open_session(replace(recipe, freeze=None), CPU)  # for its data and pixels
    model = build("alexnet", 10, None, "features", hidden=recipe.hidden, init=recipe.init, seed=recipe.seed)
    learner = Learner(
        model, lr=recipe.lr, step_size=recipe.step_size, seed=recipe.seed, precision=recipe.precision
    )
    train = session.train_batches(session.data.splits.train[:300])
    val = session.eval_batches(session.data.splits.val[:300])
    return [(learner.train_epoch(train).loss, learner.evaluate(val).accuracy) for _ in range(epochs)]


def test_in_fp32_accuracies_are_equal_and_losses_too_but_for_rounding() -> None:
    """Dropout, order and rate are the same draws."""
    kept, plain = curve(FROZEN), long_way(FROZEN)
    assert [accuracy for _, accuracy in kept] == [accuracy for _, accuracy in plain]
    assert [loss for loss, _ in kept] == pytest.approx([loss for loss, _ in plain], rel=1e-4)


def test_augmented_copies_are_seen_once_too() -> None:
    """Made beforehand, they are images like others to the frozen part."""
    enlarged = replace(FROZEN, augment=[{"horizontal_flip": {}}, {"rotation": {}}], offline_copies=2)
    kept, plain = curve(enlarged), long_way(enlarged)
    assert [accuracy for _, accuracy in kept] == [accuracy for _, accuracy in plain]
    assert [loss for loss, _ in kept] == pytest.approx([loss for loss, _ in plain], rel=1e-4)
    assert [loss for loss, _ in kept] != pytest.approx([loss for loss, _ in curve(FROZEN)], rel=1e-2)


def test_in_bf16_they_agree_within_its_noise() -> None:
    """Features are kept as autocast gives them."""
    recipe = replace(FROZEN, precision="bf16")
    kept, plain = curve(recipe, 2), long_way(recipe, 2)
    for (loss, accuracy), (plain_loss, plain_accuracy) in zip(kept, plain, strict=True):
        assert loss == pytest.approx(plain_loss, rel=0.02)
        assert accuracy == pytest.approx(plain_accuracy, abs=0.05)


def test_with_augmentation_or_a_moving_backbone_nothing_is_kept() -> None:
    """Only what sees an image the same way every time is."""
    assert FROZEN.keeps_features
    assert not replace(FROZEN, augment=[{"random_crop": {}}]).keeps_features
    assert replace(FROZEN, augment=[{"random_crop": {}}], offline_copies=1).keeps_features
    assert not replace(FROZEN, freeze=None).keeps_features
    assert not replace(FROZEN, freeze="classifier").keeps_features


def test_kept_features_feed_batches_of_numbers() -> None:
    """AlexNet's classifier takes 9,216 numbers an image."""
    session = open_session(FROZEN, CPU)
    assert session.source.gather(np.array([0, 1])).inputs.shape == (2, 9216)


OFFLINE = replace(
    RECIPE, augment=[{"random_crop": {}}, {"horizontal_flip": {}}], offline_copies=2, image_size=63
)


def test_offline_copies_enlarge_the_training_split_once() -> None:
    """Two copies an image: three times the batches, the same ones again, made by the first session alone."""
    session = open_session(OFFLINE, CPU)
    indices = session.data.splits.train[:50]
    made: list[int] = []
    batches = session.train_batches(indices, lambda done, _: made.append(done))
    assert made[-1] == 100
    assert sum(len(batch.labels) for batch in batches.epoch(1)) == 100  # of 150, in whole batches of 100
    again = session.train_batches(indices, lambda done, _: made.append(-done))
    assert min(made) > 0
    first, second = (next(iter(b.epoch(1))) for b in (batches, again))
    assert torch.equal(first.inputs, second.inputs)


def test_offline_copies_are_pieces_of_their_image_with_its_label() -> None:
    """And no two copies of an image are alike."""
    session = open_session(replace(OFFLINE, augment=[{"random_crop": {}}], resize=70), CPU)
    index = session.data.splits.train[:1]
    store = session._copies(index, None)
    image = session.data.store[int(index[0])]
    pieces = [image[t : t + 63, left : left + 63] for t in range(8) for left in range(8)]
    for copy in range(2):
        assert any(np.array_equal(store[copy], piece) for piece in pieces)
        assert store.labels[copy] == session.data.store.labels[index[0]]
    assert not np.array_equal(store[0], store[1])


def test_joined_sources_keep_the_order_of_the_indices() -> None:
    """Images and copies come mixed: each row is what its own source gives for its index, with its label."""
    session = open_session(OFFLINE, CPU)
    indices = session.data.splits.train[:6]
    copies = session._copies(indices, None)
    size = len(session.data.store)
    second = PixelSource(copies, 63, NORMALIZATIONS["scratch"], CPU)
    mixed = np.array([size + 3, indices[0], size, indices[5], size + 11])
    batch = JoinedSource(session.source, size, second).gather(mixed)
    for row, index in enumerate(mixed):
        source, own = (session.source, index) if index < size else (second, index - size)
        alone = source.gather(np.array([own]))
        assert torch.equal(batch.inputs[row], alone.inputs[0])
        assert batch.labels[row] == alone.labels[0]


def network(images: Path, arch: str, **changes: object) -> Recipe:
    """Return a recipe of any network on the eighteen images, batches of three."""
    plain = replace(
        RECIPE,
        root=str(images),
        resize=40,
        image_size=32,
        arch=arch,
        hidden=4096,
        init="torchvision",
        batch_size=3,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("arch", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
def test_any_networks_kept_features_are_the_long_way(images: Path, arch: str) -> None:
    """Batch norm by its running statistics, no stochastic depth; SqueezeNet's head takes a picture."""
    recipe = network(images, arch, freeze="features")
    kept = open_session(recipe, CPU)
    model = build(arch, 3, None, "features", image_size=32)
    plain = Learner(model, still=still_modules(model, "features"), lr=recipe.lr, step_size=recipe.step_size)
    pixels = open_session(network(images, "alexnet", resize=40, hidden=8), CPU)  # for its batches
    splits, curves = kept.data.splits, []
    for learner, source in ((kept.learner, kept), (plain, pixels)):
        train, val = source.train_batches(splits.train), source.eval_batches(splits.val)
        curves.append([(learner.train_epoch(train).loss, learner.evaluate(val).loss) for _ in range(2)])
    assert kept.source.gather(splits.train[:2]).inputs.dim() == 2
    assert curves[0][0] == pytest.approx(curves[1][0], rel=1e-4)
    assert curves[0][1] == pytest.approx(curves[1][1], rel=1e-3)


@pytest.mark.parametrize(
    ("arch", "what", "still"),
    [
        ("resnet18", ("conv1", "bn1", "layer1"), ("conv1.", "bn1.", "layer1.")),
        ("mobilenet_v3_small", ("features.0", "features.1"), ("features.0.", "features.1.")),
        ("resnet18", "classifier", ("fc.",)),
        ("resnet18", "features", ("conv1.", "bn1.", "layer")),
    ],
)
def test_what_is_frozen_stays_bit_for_bit_and_the_rest_moves(
    images: Path, arch: str, what: str | tuple[str, ...], still: tuple[str, ...]
) -> None:
    """Running statistics too, the long way (with augmentation nothing is kept)."""
    session = open_session(network(images, arch, freeze=what, augment=[{"random_crop": {}}]), CPU)
    before = {name: tensor.clone() for name, tensor in session.learner.model.state_dict().items()}
    assert session.learner.train_epoch(session.train_batches(session.data.splits.train)).loss is not None
    after = session.learner.model.state_dict()
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if not name.startswith(still)}
