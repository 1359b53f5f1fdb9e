"""Networks: torchvision's own unless told otherwise, loaded with care, frozen in part."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from data_utils.errors import InputError
from trainables.models import _name_of_today, build, check_weights, outline
from trainables.trained import open_weights

HIDDEN = 32


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    """Return a weight file of AlexNet's convolutions alone."""
    state = build("alexnet", 3, hidden=HIDDEN, seed=9).state_dict()
    path = tmp_path / "backbone.safetensors"
    save_file({name: tensor for name, tensor in state.items() if name.startswith("features.")}, path)
    return path


@pytest.mark.parametrize(("arch", "reference"), [("alexnet", models.alexnet), ("vgg11", models.vgg11)])
def test_a_narrow_classifier_has_torchvisions_layers(arch: str, reference: object) -> None:
    """Width aside, every layer is torchvision's, in its order."""
    ours = build(arch, 7, hidden=HIDDEN)
    with torch.device("meta"):
        theirs = reference(num_classes=7)  # type: ignore[operator]
    assert [type(m) for m in ours.modules()] == [type(m) for m in theirs.modules()]
    assert ours.classifier[-1].out_features == 7


def test_at_torchvisions_width_the_network_is_torchvisions() -> None:
    """The same names and shapes, so that its weights fit."""
    with torch.device("meta"):
        theirs = models.alexnet(num_classes=10).state_dict()
    ours = build("alexnet", 10).state_dict()
    assert {name: tensor.shape for name, tensor in ours.items()} == {n: t.shape for n, t in theirs.items()}


def test_initial_values_come_from_the_seed_alone() -> None:
    """The global generator neither matters nor moves."""
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build("alexnet", 3, hidden=HIDDEN, seed=4).classifier[-1].weight
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert torch.equal(first, build("alexnet", 3, hidden=HIDDEN, seed=4).classifier[-1].weight)
    assert not torch.equal(first, build("alexnet", 3, hidden=HIDDEN, seed=5).classifier[-1].weight)


def test_kaiming_scales_by_fan_in_and_clears_biases() -> None:
    """Standard deviation sqrt(2 / fan_in): 0.0589 for AlexNet's third convolution (fan-in 192 x 9)."""
    layer = build("alexnet", 3, hidden=HIDDEN, init="kaiming").features[6]
    assert layer.weight.std().item() == pytest.approx((2 / (192 * 9)) ** 0.5, rel=0.02)
    assert not layer.bias.any()


@pytest.mark.parametrize(("freeze", "still"), [("features", "features"), ("classifier", "classifier")])
def test_the_frozen_part_takes_no_gradient(freeze: str, still: str) -> None:
    """Exactly the parameters of the named part stand still."""
    model = build("alexnet", 3, freeze=freeze, hidden=HIDDEN)
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {name for name, _ in model.named_parameters() if name.startswith(still)}


def test_a_file_of_some_layers_loads_them_and_names_the_rest(
    backbone: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What the file lacks keeps the values it would have had, and is named in the log."""
    with caplog.at_level(logging.INFO):
        model = build("alexnet", 3, backbone, hidden=HIDDEN, seed=1)
    assert torch.equal(
        model.features[0].weight, build("alexnet", 3, hidden=HIDDEN, seed=9).features[0].weight
    )
    assert torch.equal(
        model.classifier[1].weight, build("alexnet", 3, hidden=HIDDEN, seed=1).classifier[1].weight
    )
    assert "classifier.1.weight" in caplog.text
    assert check_weights("alexnet", 3, backbone, HIDDEN) == [
        f"classifier.{i}.{p}" for i in (1, 4, 6) for p in ("weight", "bias")
    ]


def test_a_last_layer_for_other_classes_is_made_anew(tmp_path: Path) -> None:
    """All but the last layer of a 1,000-class file is loaded."""
    path = tmp_path / "other.pth"
    torch.save(build("alexnet", 1000, hidden=HIDDEN).state_dict(), path)
    assert check_weights("alexnet", 3, path, HIDDEN) == ["classifier.6.weight", "classifier.6.bias"]
    assert build("alexnet", 3, path, hidden=HIDDEN).classifier[6].out_features == 3


WIDER = 64


@pytest.mark.parametrize(("arch", "first"), [("alexnet", 1), ("vgg11", 0)])
def test_a_classifier_of_another_width_is_left_out_where_a_width_is_asked_for(
    arch: str, first: int, tmp_path: Path
) -> None:
    """All of it is initialised and named, as with a file of the convolutions alone; they are loaded."""
    state, path = build(arch, 1000, hidden=WIDER, seed=9).state_dict(), tmp_path / "whole.pth"
    torch.save(state, path)
    fresh = [f"classifier.{i}.{p}" for i in (first, first + 3, 6) for p in ("weight", "bias")]
    assert check_weights(arch, 1000, path, HIDDEN) == fresh
    ours, bare = (build(arch, 1000, file, hidden=HIDDEN, seed=1).state_dict() for file in (path, None))
    for name, tensor in ours.items():
        assert torch.equal(tensor, bare[name] if name in fresh else state[name]), name


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("classifier.1.weight", torch.zeros(WIDER, 9)),
        ("classifier.4.weight", torch.zeros(9, WIDER)),
        ("classifier.4.bias", torch.zeros(9)),
        ("classifier.6.weight", torch.zeros(1000, 9)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_misfit_is_refused_whatever_width_is_asked_for(
    name: str, odd: torch.Tensor, tmp_path: Path
) -> None:
    """Other inputs than the network has, or layers that do not fit each other."""
    path = tmp_path / "odd.pth"
    torch.save({"classifier.1.weight": torch.zeros(WIDER, 9216), name: odd}, path)
    with pytest.raises(InputError, match=rf"{name} is \("):
        check_weights("alexnet", 3, path, HIDDEN)


def test_another_width_is_refused_where_none_is_asked_for(tmp_path: Path) -> None:
    """torchvision's own width is the default, and a file that has another is not what was meant."""
    path = tmp_path / "narrow.pth"
    torch.save({"classifier.1.weight": torch.zeros(WIDER, 9216)}, path)
    with pytest.raises(InputError, match=r"leave model\.hidden at the file's width"):
        check_weights("alexnet", 3, path)


def test_weights_that_do_not_fit_are_named_with_both_shapes(tmp_path: Path) -> None:
    """Every layer that does not fit is a problem of its own."""
    path = tmp_path / "odd.safetensors"
    save_file({"features.0.weight": torch.zeros(1, 3, 2, 2), "stem.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError) as raised:
        check_weights("alexnet", 3, path)
    first, second = raised.value.problems
    assert (
        first == "does not fit: features.0.weight is (1, 3, 2, 2) in the file, (64, 3, 11, 11) in the network"
    )
    assert second.startswith(
        "does not fit: stem.weight is no layer of this network; its layers are features.0.weight,"
    )
    assert second.endswith("check model.arch, and leave model.hidden at the file's width")


def test_another_networks_layers_are_named_in_one_line(tmp_path: Path) -> None:
    """Of sixteen, the first three and the last."""
    path = tmp_path / "other.safetensors"
    save_file({f"block{place:02d}.weight": torch.zeros(1) for place in range(16)}, path)
    with pytest.raises(InputError) as raised:
        check_weights("alexnet", 3, path)
    (only,) = raised.value.problems
    assert only.startswith(
        "does not fit: block00.weight, block01.weight, block02.weight, ..., block15.weight are no layers of this network; "
    )


@pytest.mark.parametrize("name", ["cut.safetensors", "cut.pth", "text.pth", "list.pth"])
def test_a_file_that_holds_no_weights_is_named(tmp_path: Path, name: str) -> None:
    """Cut off, text, or another object: one clear error, and nothing is run."""
    path = tmp_path / name
    if name == "list.pth":
        torch.save([1, 2], path)
    elif name == "cut.pth":
        torch.save({"a": torch.zeros(1000)}, path)
        path.write_bytes(path.read_bytes()[:500])
    else:
        path.write_bytes(b"hello, world, this is no weight file")
    with pytest.raises(InputError, match=name):
        build("alexnet", 3, path)


def test_imagenet_weights_come_from_torchs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's file is found where torch keeps it, and loaded but for the last layer."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    theirs = models.alexnet(num_classes=1000)
    torch.save(theirs.state_dict(), folder / "alexnet-owt-7be5be79.pth")
    ours = build("alexnet", 5, "imagenet")
    assert torch.equal(ours.classifier[4].weight, theirs.classifier[4].weight)
    assert ours.classifier[6].out_features == 5


def test_imagenet_weights_that_cannot_be_fetched_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file and without a network the error names the remedy."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="name a weight file instead"):
        build("vgg11", 5, "imagenet")


def test_second_classifiers_are_left_out(tmp_path: Path) -> None:
    """GoogLeNet's file holds two more heads, for which the network that is built has no place."""
    path = tmp_path / "googlenet.pth"
    torch.save(models.googlenet(num_classes=1000, init_weights=False).state_dict(), path)
    assert check_weights("googlenet", 3, path) == ["fc.weight", "fc.bias"]


@pytest.mark.parametrize(
    ("arch", "file", "today", "then", "of_old", "head"),
    [
        (
            "densenet121",
            "densenet121-a639ec97.pth",
            r"(denselayer\d+\.(?:norm|conv))([12])",
            r"\1.\2",
            "features.denseblock1.denselayer1.norm.1.weight",
            "classifier",
        ),
        (
            "vit_b_32",
            "vit_b_32-d86f8d99.pth",
            r"mlp\.([03])",
            lambda match: "mlp.linear_1" if match[1] == "0" else "mlp.linear_2",
            "encoder.layers.encoder_layer_0.mlp.linear_2.bias",
            "heads.head",
        ),
        ("mobilenet_v2", "mobilenet_v2-7ebf99e0.pth", "$^", "", "features.1.conv.1.weight", "classifier.1"),
    ],
)
def test_names_of_published_files_are_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arch: str,
    file: str,
    today: str,
    then: str | Callable[[re.Match[str]], str],
    of_old: str,
    head: str,
) -> None:
    """DenseNet's and the transformers' are older than today's names, and MobileNet's look like DenseNet's old ones."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    state = build(arch, 1000).state_dict()
    old = {re.sub(today, then, name): tensor for name, tensor in state.items()}
    assert of_old in old
    torch.save(old, folder / file)
    assert check_weights(arch, 3, "imagenet") == [f"{head}.weight", f"{head}.bias"]


@pytest.mark.parametrize("arch", ["densenet121", "vit_b_32"])
def test_names_of_today_stay(arch: str) -> None:
    """Of the networks that have older ones."""
    assert all(_name_of_today(arch, name) == name for name in outline(arch).state_dict())


def test_a_file_without_batch_norms_counters_lacks_nothing(tmp_path: Path) -> None:
    """Those of before PyTorch 0.4.1, of which torchvision publishes some; the counters decide nothing."""
    state = build("resnet18", 3, seed=5).state_dict()
    held = {name: tensor for name, tensor in state.items() if "num_batches_tracked" not in name}
    assert len(held) == len(state) - 20
    torch.save(held, tmp_path / "old.pth")
    assert check_weights("resnet18", 3, tmp_path / "old.pth") == []
    ours = build("resnet18", 3, tmp_path / "old.pth").state_dict()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in state.items())
    assert not open_weights(str(tmp_path / "old.pth"), "resnet18", torch.device("cpu")).fresh


def test_a_network_that_asks_for_its_version_is_loaded(tmp_path: Path) -> None:
    """MNASNet's loading looks at a version number, which a .safetensors file has no place for."""
    path = tmp_path / "mnasnet.safetensors"
    theirs = build("mnasnet0_5", 3, seed=8).state_dict()
    save_file(theirs, path)
    ours = build("mnasnet0_5", 3, path).state_dict()
    assert all(torch.equal(tensor, ours[name]) for name, tensor in theirs.items())


def test_a_width_is_refused_where_there_are_no_hidden_layers() -> None:
    """Nothing is ignored."""
    with pytest.raises(InputError, match=r"model\.hidden: resnet18 has no hidden layers"):
        build("resnet18", 3, hidden=16)


def test_a_transformer_is_built_for_its_image_size(tmp_path: Path) -> None:
    """A class token and (64 / 32)^2 patches; weights of another size are refused with the remedy."""
    assert outline("vit_b_32", image_size=64).encoder.pos_embedding.shape == (1, 5, 768)
    path = tmp_path / "vit.safetensors"
    save_file({"encoder.pos_embedding": torch.zeros(1, 50, 768)}, path)
    with pytest.raises(InputError, match=r"give a transformer data\.image_size as the weights had it"):
        check_weights("vit_b_32", 3, path, image_size=64)


def test_an_outline_takes_no_random_numbers() -> None:
    """Checks before a training change nothing of it."""
    before = torch.get_rng_state()
    assert next(outline("swin_t").parameters()).device.type == "meta"
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("bias", "said"),
    [
        (torch.zeros(64, dtype=torch.int64), "is torch.int64 in the file, torch.float32 in the network"),
        (torch.zeros(64, dtype=torch.complex64), "is torch.complex64 in the file"),
        (torch.full((64,), float("nan")), "holds NaN or infinite numbers"),
        (torch.zeros(64).to_sparse(), "is no plain tensor"),
        (torch.zeros(64, device="meta"), "says it has 64 numbers, more than the file holds"),
        (torch.zeros(1).expand(10**12), "says it has 1,000,000,000,000 numbers, more than the file holds"),
    ],
    ids=["int", "complex", "nan", "sparse", "meta", "huge"],
)
def test_odd_tensors_are_named_before_anything_is_built(
    tmp_path: Path, bias: torch.Tensor, said: str
) -> None:
    """What PyTorch would copy without a word, or only fail at later."""
    path = tmp_path / "odd.pth"
    torch.save({"features.0.bias": bias}, path)
    with pytest.raises(InputError, match=re.escape(f"features.0.bias {said}")):
        check_weights("alexnet", 3, path)


def test_numbers_of_other_widths_are_taken(tmp_path: Path) -> None:
    """Half precision loads into single."""
    path = tmp_path / "half.pth"
    torch.save({"features.0.bias": torch.full((64,), 0.5).half()}, path)
    assert build("alexnet", 3, path, hidden=HIDDEN).features[0].bias[0] == 0.5
