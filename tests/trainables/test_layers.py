"""A layer's numbers are those the network computes on its way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data_utils.errors import InputError
from data_utils.folder import ImageFolder
from data_utils.pixel_store import PixelStore
from tests.trainables.test_trained import small
from trainables.layers import features


@pytest.fixture
def store(images: Path) -> PixelStore:
    """Return the eighteen images, decoded."""
    return PixelStore.of(ImageFolder(images), 70)


@pytest.mark.parametrize(
    ("arch", "layer", "module", "numbers"),
    [
        ("alexnet", "fc6", "classifier.2", 8),
        ("alexnet", "fc7", "classifier.5", 8),
        ("alexnet", "features", "features", 256),
        ("squeezenet1_1", "features.3", "features.3", 128 * 15 * 15),
    ],
)
def test_features_are_what_the_layer_gives(
    store: PixelStore, arch: str, layer: str, module: str, numbers: int
) -> None:
    """Also before a ReLU that works in place, and flattened."""
    trained = small(arch)
    seen: list[torch.Tensor] = []
    hook = trained.model.get_submodule(module).register_forward_hook(lambda *a: seen.append(a[2].clone()))
    with torch.inference_mode():
        trained.model(trained.pixels(store).gather(np.arange(18)).inputs)
    hook.remove()
    found = np.concatenate(list(features(trained, store, layer)))
    assert found.shape == (18, numbers)
    torch.testing.assert_close(torch.from_numpy(found), seen[0].flatten(1))
    assert found.dtype == np.float32


def test_before_the_relu_numbers_are_signed(store: PixelStore) -> None:
    """AlexNet's ReLU overwrites its input, which is the layer's output."""
    trained = small("alexnet")
    assert (next(features(trained, store, "classifier.4")) < 0).any()
    assert (next(features(trained, store, "classifier.5")) >= 0).all()


@pytest.mark.parametrize("layer", ["clasifier.4", "fc8", ""])
def test_a_layer_that_is_not_there_is_named(store: PixelStore, layer: str) -> None:
    """With those near, or some that are."""
    with pytest.raises(InputError, match=f"--layer: there is no '{layer}'; "):
        next(features(small("alexnet"), store, layer))


def test_a_layer_that_the_weights_do_not_reach_is_refused(store: PixelStore) -> None:
    """Its numbers would be those of the initialisation."""
    backbone = replace(small("alexnet"), fresh=frozenset({"classifier.4.weight", "classifier.6.bias"}))
    with pytest.raises(
        InputError, match=r"needs what the weights lack: classifier\.4\.weight; name an earlier"
    ):
        next(features(backbone, store, "fc7"))
    assert next(features(backbone, store, "fc6")).shape == (18, 8)
