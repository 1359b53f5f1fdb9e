"""Caltech-101, or any folder of classes, as a torchvision data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from torchvision.datasets import VisionDataset

from data_utils.decoding import FORMATS, to_rgb
from data_utils.folder import ImageFolder


class Caltech101(VisionDataset):  # type: ignore[misc]  # torchvision ships no types
    """(image, label) pairs of an `ImageFolder`, decoded at every access: the plain way, which faster ones must equal.

    Attributes:
        classes, class_to_idx, samples, targets: as in torchvision's own data sets.
        names, folder, listed: those of `ImageFolder`.

    Raises:
        InputError: as `ImageFolder`.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Image.Image], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ):
        images = ImageFolder(root)
        super().__init__(str(images.root), transform=transform, target_transform=target_transform)
        self.folder, self.names, self.listed = images.folder, images.names, images.listed
        self.classes, self.samples, self.targets = images.classes, images.samples, images.targets
        self.class_to_idx = {name: label for label, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, label = self.samples[index]
        with Image.open(path, formats=FORMATS) as image:
            sample: Any = to_rgb(image)
        if self.transform is not None:
            sample = self.transform(sample)
        return sample, label if self.target_transform is None else self.target_transform(label)
