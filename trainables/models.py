"""A table of networks, and how one is built, loaded and frozen."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from torchvision import models as torchvision_models

from data_utils.errors import InputError
from data_utils.seeding import Stream, derive
from trainables.architectures import IMAGENET

logger = logging.getLogger(__name__)

State = dict[str, torch.Tensor]

HIDDEN = 4096
"""Width of the two hidden layers of torchvision's classifiers."""


@dataclass(frozen=True)
class Network:
    """How one architecture is made: torchvision's constructor, its ImageNet weights, and a classifier of any width."""

    construct: Callable[..., nn.Module]
    imagenet: Any
    """A torchvision `WeightsEnum` member."""
    classifier: Callable[[int, int], nn.Sequential]
    """(hidden, classes) -> the classifier, layer for layer as torchvision's."""


def _alexnet_classifier(hidden: int, classes: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(),
        nn.Linear(256 * 6 * 6, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, classes),
    )


def _vgg_classifier(hidden: int, classes: int) -> nn.Sequential:
    layers = nn.Sequential(
        nn.Linear(512 * 7 * 7, hidden),
        nn.ReLU(True),
        nn.Dropout(),
        nn.Linear(hidden, hidden),
        nn.ReLU(True),
        nn.Dropout(),
        nn.Linear(hidden, classes),
    )
    for layer in layers:
        if isinstance(layer, nn.Linear):  # as torchvision initialises VGG's
            nn.init.normal_(layer.weight, 0, 0.01)
            nn.init.zeros_(layer.bias)
    return layers


NETWORKS = {
    "alexnet": Network(
        torchvision_models.alexnet, torchvision_models.AlexNet_Weights.IMAGENET1K_V1, _alexnet_classifier
    ),
    "vgg11": Network(
        torchvision_models.vgg11, torchvision_models.VGG11_Weights.IMAGENET1K_V1, _vgg_classifier
    ),
}
"""The architectures there are. Both have `features`, `avgpool` and `classifier`."""


def build(
    arch: str,
    classes: int,
    weights: str | Path | None = None,
    freeze: str | None = None,
    *,
    hidden: int = HIDDEN,
    init: str = "torchvision",
    seed: int = 0,
) -> nn.Module:
    """Build a network for `classes` classes, in training mode, on the CPU.

    Args:
        arch: a key of `NETWORKS`.
        weights: "imagenet", a .safetensors or torch state-dict file, or None. A file may lack layers: those keep
            their initial values and are named in the log. A last layer for another number of classes is left out.
        freeze: "features" or "classifier": the part whose parameters take no gradient.
        hidden: width of the classifier's hidden layers.
        init: "torchvision" or "kaiming" (normal, for ReLU, with zero biases).
        seed: of the initial values; the global generator is left as it was.

    Raises:
        InputError: weights that cannot be read or do not fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, 0, Stream.INIT))
        model = _construct(arch, classes, hidden)
        if init == "kaiming":
            _kaiming(model)
    if weights is not None:
        fitting, fresh = _fitting(model, read_weights(arch, weights), str(weights))
        model.load_state_dict(fitting, strict=False)
        if fresh:
            logger.info("%s: initialised, as %s does not hold them: %s", arch, weights, ", ".join(fresh))
    if freeze is not None:
        model.get_submodule(freeze).requires_grad_(False)
    return model


def check_weights(arch: str, classes: int, weights: str | Path, hidden: int = HIDDEN) -> list[str]:
    """Return the names of the parameters that `weights` lacks, without building anything.

    Raises:
        InputError: as `build`.
    """
    with torch.device("meta"):
        model = _construct(arch, classes, hidden)
    return _fitting(model, read_weights(arch, weights), str(weights))[1]


def state_bytes(arch: str, classes: int, hidden: int = HIDDEN) -> int:
    """Return what a saved model of these sizes takes, without building it."""
    with torch.device("meta"):
        model = _construct(arch, classes, hidden)
    return sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())


def read_weights(arch: str, weights: str | Path) -> State:
    """Read "imagenet" or a weight file as {parameter name: tensor}; no code in the file is run.

    Raises:
        InputError: no such file, or none that holds named tensors.
    """
    try:
        state = _imagenet_weights(arch) if weights == IMAGENET else _file_weights(Path(weights).expanduser())
    except InputError:
        raise
    except UnpicklingError as error:
        problem = "holds more than tensors, and its code is not run; save model.state_dict() alone"
        raise InputError(str(weights), [problem]) from error
    except Exception as error:  # a broken file makes PyTorch raise nearly anything
        problem = f"cannot be read as weights ({_first_line(error)}); give .safetensors or a state-dict .pth"
        raise InputError(str(weights), [problem]) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(str(weights), ["does not hold {name: tensor}; save model.state_dict() alone"])
    return {str(name): tensor for name, tensor in state.items()}


def _imagenet_weights(arch: str) -> object:
    try:
        return NETWORKS[arch].imagenet.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except OSError as error:
        problem = f"torchvision's weights for {arch} cannot be fetched ({error}); name a weight file instead"
        raise InputError("weights: imagenet", [problem]) from error


def _file_weights(path: Path) -> object:
    if not path.is_file():
        raise InputError(
            str(path), ["no such weight file; give imagenet, a .safetensors or a state-dict .pth"]
        )
    return load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)


def frozen_part(model: nn.Module) -> nn.Sequential:
    """Return what maps images to the classifier's inputs, (n, numbers), sharing the model's layers."""
    return nn.Sequential(model.get_submodule("features"), model.get_submodule("avgpool"), nn.Flatten())


def last_layer(model: nn.Module) -> str:
    """Return the name of the layer that gives one number a class."""
    names: list[str] = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return names[-1]


def _construct(arch: str, classes: int, hidden: int) -> nn.Module:
    network = NETWORKS[arch]
    model: nn.Module = network.construct(weights=None, num_classes=classes)
    if hidden != HIDDEN:
        model.classifier = network.classifier(hidden, classes)
    return model


def _kaiming(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _fitting(model: nn.Module, state: State, source: str) -> tuple[State, list[str]]:
    """Return the part of `state` to load, and the names of the model's parameters it leaves as they are."""
    own = model.state_dict()
    head = last_layer(model)
    problems, fitting = [], {}
    for name, tensor in state.items():
        if name not in own:
            problems.append(f"{name} is no layer of this network; its layers are {_abridged(own)}")
        elif tensor.shape == own[name].shape:
            fitting[name] = tensor
        elif name.startswith(f"{head}.") and tensor.shape[1:] == own[name].shape[1:]:
            continue  # a last layer for other classes
        else:
            problems.append(
                f"{name} is {tuple(tensor.shape)} in the file, {tuple(own[name].shape)} in the network"
            )
    if not fitting and not problems:
        problems.append("it holds none of this network's layers")
    if problems:
        remedy = "check model.arch, and leave model.hidden at the file's width"
        raise InputError(
            source,
            [
                *(f"does not fit: {problem}" for problem in problems[:-1]),
                f"does not fit: {problems[-1]}; {remedy}",
            ],
        )
    return fitting, [name for name in own if name not in fitting]


def _abridged(names: Iterable[str]) -> str:
    *first, last = names
    return ", ".join([*first[:3], "...", last])


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
