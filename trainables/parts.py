"""The two parts of any classifier, the head and what comes before it: which stands still, and what each computes alone."""

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from data_utils.errors import InputError, near
from trainables.architectures import Freeze


def last_layer(model: nn.Module) -> str:
    """Return the name of the layer that gives one number a class: the last linear layer or convolution."""
    names: list[str] = [
        name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)
    ]
    return names[-1]


def head(model: nn.Module) -> str:
    """Return the name of the outermost module that holds the last layer: `classifier`, `fc`, `heads`.

    In torchvision's networks nothing but a flattening comes after it.
    """
    return last_layer(model).partition(".")[0]


def freeze(model: nn.Module, what: Freeze) -> None:
    """Take the gradient from the parameters of a part.

    Raises:
        InputError: names that are no modules of this network, or that leave nothing to train.
    """
    if isinstance(what, tuple):
        _check_names(model, what)
    in_head = f"{head(model)}."
    for name, parameter in model.named_parameters():
        if (
            what == "features"
        ):  # by exclusion, since some parameters (a class token) are in no module but the network
            frozen = not name.startswith(in_head)
        elif what == "classifier":
            frozen = name.startswith(in_head)
        else:
            frozen = any(name.startswith(f"{module}.") for module in what or ())
        parameter.requires_grad_(not frozen)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("model.freeze", ["leaves nothing to train; freeze fewer modules"])


def still_modules(model: nn.Module, what: Freeze) -> list[nn.Module]:
    """Return the modules that must stay in evaluation mode for a frozen part to stand still while the rest trains.

    In training mode batch norm moves its running statistics and normalises by the batch's own, whatever is frozen. Before
    the head a frozen module is in evaluation mode altogether. In the head only batch norm is: a frozen head's dropout
    goes on regularising the layers before it, as in the paper.
    """
    the_head = head(model)
    if what == "features":
        names = [name for name, _ in model.named_children() if name != the_head]
    else:
        names = [the_head] if what == "classifier" else list(what or ())
    still: list[nn.Module] = []
    for name in names:
        module = model.get_submodule(name)
        in_head = name.partition(".")[0] == the_head
        still += [m for m in module.modules() if isinstance(m, _BatchNorm)] if in_head else [module]
    return still


def frozen_part(model: nn.Module) -> nn.Sequential:
    """Return what maps images to the head's inputs, (n, numbers), sharing the model's layers."""
    body = copy.copy(model)
    body._modules = model._modules | {head(model): nn.Identity()}
    return nn.Sequential(body, nn.Flatten())


def trained_part(model: nn.Module, image_size: int) -> nn.Module:
    """Return what maps the outputs of `frozen_part` to (n, classes) scores, sharing the model's layers."""
    layers = model.get_submodule(head(model))
    shape = _input_shape(model, layers, image_size)
    return layers if len(shape) == 1 else nn.Sequential(nn.Unflatten(1, shape), layers, nn.Flatten())


@torch.inference_mode()
def _input_shape(model: nn.Module, layers: nn.Module, image_size: int) -> tuple[int, ...]:
    """Return the shape of what one image is when it comes to these layers."""
    seen: list[tuple[int, ...]] = []
    handle = layers.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[1:])))
    training, device = model.training, next(model.parameters()).device
    model.eval()(torch.zeros(1, 3, image_size, image_size, device=device))
    model.train(training)
    handle.remove()
    return seen[0]


def near_module(model: nn.Module, name: str) -> str:
    """Return a hint for a name that is no module's: the nearest of the same depth."""
    known = [known for known, _ in model.named_modules() if known]
    return near(name, [other for other in known if other.count(".") == name.count(".")] or known)


def _check_names(model: nn.Module, names: tuple[str, ...]) -> None:
    known = dict(model.named_modules())
    problems = [
        f"{name!r} is no module of {type(model).__name__}; {near_module(model, name)}"
        for name in names
        if not name or name not in known
    ]
    if problems:
        raise InputError("model.freeze", problems)
