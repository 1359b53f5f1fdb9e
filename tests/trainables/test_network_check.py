"""What a network cannot train on is known before it is built."""

import pytest

from trainables.network_check import network_problems


def test_what_fits_has_no_problems() -> None:
    """Sizes torchvision did not train with are fine where the layers take them."""
    assert network_problems("resnet18", 33, ("conv1", "layer1"), 8) == []
    assert network_problems("vit_b_16", 64, "features", 1) == []
    assert network_problems("regnet_x_400mf", 64, None, 2) == []  # computes its shapes from constants


def test_the_known_sizes_are_found() -> None:
    """AlexNet needs 63 pixels, VGG11 32, as the table says."""
    for arch, fewest in (("alexnet", 63), ("vgg11", 32)):
        assert network_problems(arch, fewest, None, 2) == []
        assert network_problems(arch, fewest - 1, None, 2) != []


@pytest.mark.parametrize(
    ("arch", "size", "reason", "takes"),
    [
        ("inception_v3", 40, "(Calculated padded input size per channel: (2 x 2). Kernel size: (3 x 3)", 96),
        ("vit_b_16", 50, "(Input shape indivisible by patch size)", 64),
        ("maxvit_t", 200, "(Input size (50, 50) of block 0 is not divisible by partition size 7", 224),
    ],
)
def test_a_size_that_does_not_do_is_named_with_one_that_does(
    arch: str, size: int, reason: str, takes: int
) -> None:
    """In the network's own words."""
    (problem,) = network_problems(arch, size, None, 2)
    assert problem.startswith(f"data.image_size: {arch} cannot take {size} pixels a side (")
    assert reason in problem
    assert problem.endswith(f"; {takes} is the next multiple of 32 that it takes")


def test_batch_norm_over_one_number_is_refused() -> None:
    """ResNet18 has one number a channel left of 32 pixels; frozen, or at 64, its batch norm takes one image."""
    (problem,) = network_problems("resnet18", 32, None, 1)
    assert problem.startswith(
        "data.batch_size: resnet18 at 32 pixels a side has batch norm over a single number"
    )
    assert network_problems("resnet18", 32, "features", 1) == []
    assert network_problems("resnet18", 64, None, 1) == []
    assert network_problems("resnet18", 32, None, 2) == []


def test_modules_that_are_not_there_are_named() -> None:
    """As `freeze` names them."""
    assert network_problems("resnet18", 64, ("layr1",), 2) == [
        "model.freeze: 'layr1' is no module of ResNet; did you mean 'layer1' or 'layer3' or 'layer4'?"
    ]
