"""What is written down of networks is what torchvision has."""

from torchvision import models

from trainables.architectures import ARCHITECTURES, MIN_IMAGE_SIZE, has_hidden
from trainables.models import outline


def test_the_names_are_torchvisions() -> None:
    """All its classifiers, none else."""
    assert list(ARCHITECTURES) == models.list_models(module=models)


def test_the_networks_of_known_size_are_among_them() -> None:
    """A misspelt key would never be looked up."""
    assert MIN_IMAGE_SIZE.keys() <= set(ARCHITECTURES)


def test_hidden_layers_are_alexnets_and_vggs() -> None:
    """And they are as wide as torchvision's."""
    with_hidden = [arch for arch in ARCHITECTURES if has_hidden(arch)]
    assert with_hidden == [
        "alexnet", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn",
    ]  # fmt: skip
    assert outline("vgg16_bn", hidden=8).classifier[3].out_features == 8
