"""Head and body of any classifier: what is frozen, what stands still, and that the two make the whole."""

import pytest
import torch
from torch import nn

from data_utils.errors import InputError
from trainables.models import build, outline
from trainables.parts import freeze, frozen_part, head, last_layer, still_modules, trained_part


@pytest.mark.parametrize(
    ("arch", "layer"),
    [
        ("alexnet", "classifier.6"),
        ("resnet18", "fc"),
        ("squeezenet1_1", "classifier.1"),
        ("vit_b_16", "heads.head"),
        ("swin_t", "head"),
        ("densenet121", "classifier"),
        ("inception_v3", "fc"),
        ("regnet_x_400mf", "fc"),
    ],
)
def test_the_last_layer_gives_one_number_a_class(arch: str, layer: str) -> None:
    """Linear, or a convolution; the head is the outermost module around it."""
    model = outline(arch, 7)
    last = model.get_submodule(layer)
    assert last_layer(model) == layer
    assert head(model) == layer.partition(".")[0]
    assert (last.out_features if isinstance(last, nn.Linear) else last.out_channels) == 7


@pytest.mark.parametrize(
    "arch", ["alexnet", "resnet18", "mobilenet_v3_small", "squeezenet1_1", "shufflenet_v2_x0_5"]
)
def test_the_two_parts_are_the_whole(arch: str) -> None:
    """To the bit, also where the head takes a picture (SqueezeNet); the model's mode and layers stay its own."""
    model = build(arch, 3, image_size=64)
    first, rest = frozen_part(model), trained_part(model, 64)
    assert model.training
    assert not isinstance(model.get_submodule(head(model)), nn.Identity)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    model.eval()
    first.eval()
    with torch.inference_mode():
        numbers = first(images)
        assert numbers.dim() == 2
        assert torch.equal(rest(numbers), model(images))


def test_features_are_all_but_the_head() -> None:
    """Also the parameters that no module holds, such as a transformer's class token."""
    model = outline("vit_b_16")
    freeze(model, "features")
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [
        "heads.head.weight",
        "heads.head.bias",
    ]
    freeze(model, "classifier")
    assert not model.heads.head.weight.requires_grad
    assert model.class_token.requires_grad


def test_a_list_freezes_the_modules_it_names_and_no_namesakes() -> None:
    """`layer1` is not `layer10`, nor is `features.1` `features.10`."""
    model = outline("alexnet")
    freeze(model, ("features.0", "classifier.1"))
    assert [n for n, p in model.named_parameters() if not p.requires_grad] == [
        "features.0.weight", "features.0.bias", "classifier.1.weight", "classifier.1.bias",
    ]  # fmt: skip
    freeze(model, ("features.1",))
    assert all(p.requires_grad for p in model.parameters())


def test_names_that_are_no_modules_are_all_named_with_those_near() -> None:
    """Each is a problem of its own."""
    with pytest.raises(InputError) as raised:
        freeze(outline("resnet18"), ("conv1", "layr1", "classifier", ""))
    assert raised.value.subject == "model.freeze"
    first, second, third = raised.value.problems
    assert first == "'layr1' is no module of ResNet; did you mean 'layer1' or 'layer3' or 'layer4'?"
    assert second.startswith("'classifier' is no module of ResNet; there are conv1, bn1,")
    assert third.startswith("'' is no module of ResNet; ")


def test_freezing_everything_is_refused() -> None:
    """There would be nothing for the optimizer to do."""
    with pytest.raises(InputError, match="leaves nothing to train"):
        freeze(outline("alexnet"), ("features", "classifier"))


def test_before_the_head_what_is_frozen_stands_still_altogether() -> None:
    """Batch norm, dropout and stochastic depth; a frozen head keeps its dropout, which regularises what trains."""
    model = outline("efficientnet_b0")
    assert still_modules(model, "features") == [model.features, model.avgpool]
    assert still_modules(model, ("features.1",)) == [model.features[1]]
    assert still_modules(model, "classifier") == still_modules(model, ("classifier",)) == []
    assert still_modules(model, None) == []


def test_batch_norm_in_a_frozen_head_stands_still() -> None:
    """Its statistics are part of what is frozen."""
    norm = nn.BatchNorm1d(4)
    model = nn.Sequential(nn.Linear(2, 4), nn.Sequential(norm, nn.Dropout(), nn.Linear(4, 3)))
    assert still_modules(model, "classifier") == [norm]
