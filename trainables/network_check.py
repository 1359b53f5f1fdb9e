"""Whether a network can train on images of a size, found without computing anything: shapes alone go through it."""

import torch

from data_utils.errors import InputError, first_line
from trainables.architectures import Freeze
from trainables.models import outline
from trainables.parts import freeze, still_modules

SIZES = range(32, 673, 32)
"""Of which one is proposed in place of a size that does not do; every network of torchvision takes one of them."""


def network_problems(arch: str, image_size: int, what: Freeze, batch_size: int) -> list[str]:
    """Return what keeps a network from training on batches of (batch_size, 3, image_size, image_size).

    Args:
        what: is frozen.
    """
    problems: list[str] = []
    reason = _refusal(arch, image_size, None, 2)
    if reason is None:
        try:
            freeze(outline(arch, image_size=image_size), what)
        except InputError as error:
            return [f"{error.subject}: {problem}" for problem in error.problems]
        if batch_size == 1 and _refusal(arch, image_size, what, 1):
            problems.append(
                f"data.batch_size: {arch} at {image_size} pixels a side has batch norm over a single number, which "
                f"takes batches of at least 2, but got 1; raise it, the image size or the number of images"
            )
        return problems
    takes = next((size for size in SIZES if size > image_size and not _refusal(arch, size, None, 2)), None)
    remedy = f"; {takes} is the next multiple of 32 that it takes" if takes else "; give a smaller one"
    return [f"data.image_size: {arch} cannot take {image_size} pixels a side ({reason}){remedy}"]


def _refusal(arch: str, image_size: int, what: Freeze, images: int) -> str | None:
    """Return why a training step's forward pass would fail on so many images, or None if it would not."""
    try:
        model = outline(arch, image_size=image_size)
        for module in still_modules(model, what):
            module.eval()
        model(torch.empty(images, 3, image_size, image_size, device="meta"))
    except (RuntimeError, ValueError, AssertionError) as error:  # each network has its own way to say so
        return first_line(error).rstrip(".!")
    return None
