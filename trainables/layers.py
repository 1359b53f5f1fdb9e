"""What a layer of a trained network gives for images."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from data_utils.batches import EvalBatches
from data_utils.errors import InputError
from data_utils.pixel_store import PixelStore
from trainables.parts import near_module
from trainables.precision import exact_fp32
from trainables.trained import BATCH_SIZE, Trained


@torch.inference_mode()
def features(trained: Trained, store: PixelStore, layer: str) -> Iterator[npt.NDArray[np.float32]]:
    """Yield (n, numbers) of a layer, flattened, for one batch of a store's images after another, computed in fp32.

    Args:
        store: of images that could all be decoded, resized as the card says.
        layer: `fc6` or `fc7` (AlexNet's and VGG's hidden layers, after their ReLU), or a module's name.

    Raises:
        InputError: there is no such layer, or the weights do not reach that far.
    """
    extractor = _extractor(trained, layer)
    source = trained.pixels(store)
    for inputs, _ in EvalBatches(source, np.arange(len(store)), BATCH_SIZE):
        with exact_fp32():
            output = extractor(inputs)["layer"]
        if not isinstance(output, torch.Tensor):
            raise InputError("--layer", [f"{layer!r} gives several outputs; name another"])
        yield output.flatten(1).cpu().numpy()


def _extractor(trained: Trained, layer: str) -> nn.Module:
    """Return the network up to a layer."""
    name = _module_name(trained.model, layer)
    arch = trained.card.arch
    try:
        # Traced and pruned behind the layer: a hook would see what later layers do to its output in place.
        extractor: nn.Module = create_feature_extractor(
            trained.model, {name: "layer"}, suppress_diff_warning=True
        ).eval()
    except (ValueError, RuntimeError) as error:
        raise InputError("--layer", [f"{arch} does not compute {layer!r} by itself; name another"]) from error
    if lacking := sorted(trained.fresh & extractor.state_dict().keys()):
        problem = (
            f"{layer!r} of {arch} needs what the weights lack: {', '.join(lacking)}; name an earlier layer"
        )
        raise InputError("--layer", [problem])
    return extractor


def _module_name(model: nn.Module, layer: str) -> str:
    named = dict(model.named_modules())
    if layer in ("fc6", "fc7") and isinstance(classifier := named.get("classifier"), nn.Sequential):
        places = [i for i, module in enumerate(classifier) if isinstance(module, nn.Linear)]
        if len(places) == 3:
            return f"classifier.{places[0 if layer == 'fc6' else 1] + 1}"
    if not layer or layer not in named:
        raise InputError("--layer", [f"there is no {layer!r}; {near_module(model, layer)}"])
    return layer
