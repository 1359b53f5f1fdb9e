"""torchvision's classifiers: how one is built, loaded and frozen."""

import logging
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision import models as torchvision_models

from data_utils.errors import InputError, first_line
from data_utils.seeding import Stream, derive
from trainables import parts
from trainables.architectures import ARCHITECTURES, HIDDEN, IMAGENET, Freeze, has_hidden
from trainables.torch_file import read_torch_file

logger = logging.getLogger(__name__)

State = dict[str, torch.Tensor]

_FLOATING = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
"""What the numbers of a weight file may be stored as."""


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


CLASSIFIERS: dict[str, Callable[[int, int], nn.Sequential]] = {
    arch: _alexnet_classifier if arch == "alexnet" else _vgg_classifier
    for arch in ARCHITECTURES
    if has_hidden(arch)
}
"""{architecture: (hidden, classes) -> its classifier, layer for layer as torchvision's}."""

AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""What the second classifiers of GoogLeNet and Inception are called: they are built without, and weights of them left out."""


def build(
    arch: str,
    classes: int,
    weights: str | Path | None = None,
    freeze: Freeze = None,
    *,
    hidden: int = HIDDEN,
    init: str = "torchvision",
    image_size: int = 224,
    seed: int = 0,
) -> nn.Module:
    """Build a network for `classes` classes, in training mode, on the CPU.

    Args:
        arch: one of `ARCHITECTURES`.
        weights: "imagenet", a .safetensors or torch state-dict file, or None. A file may lack layers: those keep
            their initial values and are named in the log. A last layer for another number of classes is left out, and
            so is a classifier of another width where `hidden` is not torchvision's.
        freeze: the part whose parameters take no gradient; see `trainables.parts`.
        hidden: width of the classifier's hidden layers, for AlexNet and VGGs.
        init: "torchvision" or "kaiming" (normal, for ReLU, with zero biases).
        image_size: pixels a side of what it will see, which a vision transformer is built for.
        seed: of the initial values; the global generator is left as it was.

    Raises:
        InputError: weights that cannot be read or do not fit, or modules to freeze that are not there.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, 0, Stream.INIT))
        model = _construct(arch, classes, hidden, image_size)
        if init == "kaiming":
            _kaiming(model)
    if weights is not None:
        fitting, fresh = _fitting(arch, model, read_weights(arch, weights), str(weights), hidden)
        state = model.state_dict()  # with its version numbers, which some of torchvision's networks ask for
        state.update(fitting)
        model.load_state_dict(state)
        if fresh:
            logger.info(
                "%s: initialised, as %s does not hold them in this size: %s", arch, weights, ", ".join(fresh)
            )
    parts.freeze(model, freeze)
    return model


def outline(arch: str, classes: int = 2, *, hidden: int = HIDDEN, image_size: int = 224) -> nn.Module:
    """Return a network on the meta device: names and shapes, without memory or time for its numbers."""
    with torch.random.fork_rng(devices=[]), _EmptyOnMeta():
        return _construct(arch, classes, hidden, image_size).to("meta")


def check_weights(
    arch: str, classes: int, weights: str | Path, hidden: int = HIDDEN, image_size: int = 224
) -> list[str]:
    """Return the names of the parameters that `weights` lacks, without building anything.

    Raises:
        InputError: as `build`.
    """
    model = outline(arch, classes, hidden=hidden, image_size=image_size)
    return _fitting(arch, model, read_weights(arch, weights), str(weights), hidden)[1]


def state_bytes(arch: str, classes: int, hidden: int = HIDDEN, image_size: int = 224) -> int:
    """Return what a saved model of these sizes takes, without building it."""
    state = outline(arch, classes, hidden=hidden, image_size=image_size).state_dict()
    return sum(tensor.numel() * tensor.element_size() for tensor in state.values())


def features_of_an_image(arch: str, image_size: int) -> int:
    """Return how many numbers the part before the head gives for an image, without computing them."""
    images = torch.empty(1, 3, image_size, image_size, device="meta")
    with torch.inference_mode():
        outputs: torch.Tensor = parts.frozen_part(outline(arch, image_size=image_size).eval())(images)
    return outputs.numel()


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
        problem = f"cannot be read as weights ({first_line(error)}); give .safetensors or a state-dict .pth"
        raise InputError(str(weights), [problem]) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(str(weights), ["does not hold {name: tensor}; save model.state_dict() alone"])
    if weights != IMAGENET:
        _check_tensors(Path(weights).expanduser(), state)
    return {_name_of_today(arch, str(name)): tensor for name, tensor in state.items()}


def _name_of_today(arch: str, name: str) -> str:
    """Return what torchvision calls a parameter that its published files, older than the code, call otherwise."""
    if arch.startswith("densenet"):  # of before a module's name could hold no dot
        return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)", r"\1\2", name)
    if arch.startswith("vit_"):
        return name.replace(".mlp.linear_1.", ".mlp.0.").replace(".mlp.linear_2.", ".mlp.3.")
    return name


def _check_tensors(path: Path, state: State) -> None:
    """Raise InputError for tensors that are not plain arrays, or that say they are larger than their file."""
    size = path.stat().st_size
    problems = []
    for name, tensor in state.items():
        if tensor.layout is not torch.strided or tensor.is_nested or tensor.is_quantized:
            problems.append(f"{name} is no plain tensor; save it dense and dequantized")
        elif tensor.device.type != "cpu" or tensor.numel() * tensor.element_size() > size:
            problems.append(f"{name} says it has {tensor.numel():,} numbers, more than the file holds")
    if problems:
        raise InputError(str(path), problems)


def _imagenet_weights(arch: str) -> object:
    try:
        best = torchvision_models.get_model_weights(arch).DEFAULT
        return best.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except OSError as error:
        problem = f"torchvision's weights for {arch} cannot be fetched ({error}); name a weight file instead"
        raise InputError("weights: imagenet", [problem]) from error


def _file_weights(path: Path) -> object:
    if not path.is_file():
        raise InputError(
            str(path), ["no such weight file; give imagenet, a .safetensors or a state-dict .pth"]
        )
    return load_file(path) if path.suffix == ".safetensors" else read_torch_file(path)


class _EmptyOnMeta(TorchFunctionMode):
    """Makes `torch.empty`, and so what layers allocate, give meta tensors.

    PyTorch's own `torch.device("meta")` moves constants too, with which some networks compute their shapes.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        if func is torch.empty and options.get("device") is None:
            options = options | {"device": "meta"}
        return func(*args, **options)


def _construct(arch: str, classes: int, hidden: int, image_size: int) -> nn.Module:
    options: dict[str, Any] = {}
    if arch.startswith("vit_"):
        options = {"image_size": image_size}
    elif arch == "maxvit_t":
        options = {"input_size": (image_size, image_size)}
    elif arch in ("googlenet", "inception_v3"):
        # As with their ImageNet weights: these see pixels of mean and std 0.5, to which it turns ImageNet's.
        options = {"aux_logits": False, "transform_input": True, "init_weights": True}
    model: nn.Module = torchvision_models.get_model(arch, weights=None, num_classes=classes, **options)
    if hidden != HIDDEN:
        if arch not in CLASSIFIERS:
            raise InputError("model.hidden", [f"{arch} has no hidden layers; leave it out"])
        model.classifier = CLASSIFIERS[arch](hidden, classes)
    return model


def _kaiming(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _fitting(arch: str, model: nn.Module, state: State, source: str, hidden: int) -> tuple[State, list[str]]:
    """Return the part of `state` to load, and the names of the model's parameters it leaves as they are."""
    own = model.state_dict()
    last = parts.last_layer(model)
    wider = _of_another_width(model, state) if has_hidden(arch) and hidden != HIDDEN else set()
    problems, fitting, unknown = [], {}, []
    for name, tensor in state.items():
        if name.startswith(AUXILIARY) or name in wider:
            continue
        if name not in own:
            unknown.append(name)
        elif tensor.shape == own[name].shape:
            if odd := _odd_numbers(tensor, own[name]):
                problems.append(f"{name} {odd}")
            fitting[name] = tensor
        elif name.startswith(f"{last}.") and tensor.shape[1:] == own[name].shape[1:]:
            continue  # a last layer for other classes
        else:
            problems.append(
                f"{name} is {tuple(tensor.shape)} in the file, {tuple(own[name].shape)} in the network"
            )
    if unknown:  # in one line, since of another network's file it is nearly every name
        which = "is no layer" if len(unknown) == 1 else "are no layers"
        problems.append(f"{_abridged(unknown)} {which} of this network; its layers are {_abridged(own)}")
    if not fitting and not problems:
        problems.append("it holds none of this network's layers")
    if problems:
        setting = "leave model.hidden at the file's width"
        if not has_hidden(arch):
            setting = "give a transformer data.image_size as the weights had it"
        remedy = f"check model.arch, and {setting}"
        raise InputError(
            source,
            [
                *(f"does not fit: {problem}" for problem in problems[:-1]),
                f"does not fit: {problems[-1]}; {remedy}",
            ],
        )
    return fitting, not_held(own, fitting)


def not_held(own: Iterable[str], held: Collection[str]) -> list[str]:
    """Return the names of a network's own parameters that are not held.

    Batch norm's counters are left out: they decide nothing here, and files from before PyTorch 0.4.1 hold none.
    """
    return [name for name in own if name not in held and not name.endswith(".num_batches_tracked")]


def _of_another_width(model: nn.Module, state: State) -> set[str]:
    """Return the names of a file's classifier if it is the model's but for the width of its hidden layers.

    All of it, since a last layer means nothing without the hidden ones that it was trained with.
    """
    linear = {
        f"classifier.{name}": module
        for name, module in model.get_submodule("classifier").named_children()
        if isinstance(module, nn.Linear)
    }
    first, second, last = linear
    weight, inputs = state.get(f"{first}.weight"), linear[first].in_features
    if weight is None or weight.dim() != 2 or weight.shape[1] != inputs:
        return set()
    width = weight.shape[0]
    sizes: dict[str, tuple[int, ...]] = {
        f"{first}.weight": (width, inputs),
        f"{second}.weight": (width, width),
    }
    sizes |= {f"{first}.bias": (width,), f"{second}.bias": (width,)}
    names = {name for name in state if name.rpartition(".")[0] in linear}
    fits = all(name not in state or state[name].shape == size for name, size in sizes.items())
    of_last = state.get(f"{last}.weight")
    fits = fits and (of_last is None or of_last.shape[1:] == (width,))
    return names if fits and width != linear[first].out_features else set()


def _odd_numbers(tensor: torch.Tensor, own: torch.Tensor) -> str | None:
    """Return what is wrong with the numbers of a tensor of the right shape, or None."""
    if not own.is_floating_point():
        return (
            None if tensor.dtype in _WHOLE else f"is {tensor.dtype} in the file, {own.dtype} in the network"
        )
    if tensor.dtype not in _FLOATING:
        return f"is {tensor.dtype} in the file, {own.dtype} in the network"
    return None if tensor.float().isfinite().all() else "holds NaN or infinite numbers"


def _abridged(names: Iterable[str]) -> str:
    *first, last = names
    return ", ".join([*first[:3], *(["..."] if len(first) > 3 else []), last])
