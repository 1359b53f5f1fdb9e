"""How pixels are normalised; needs no PyTorch."""

from typing import NamedTuple


class Normalization(NamedTuple):
    """Per-channel mean and standard deviation of pixels scaled to [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


NORMALIZATIONS = {
    "scratch": Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "transfer": Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""The two transforms of the paper differ in this alone; "transfer" is ImageNet's."""
