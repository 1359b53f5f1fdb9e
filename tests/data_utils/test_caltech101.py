"""The folder of classes as a torchvision data set."""

from pathlib import Path

from PIL import Image
from torchvision.datasets import VisionDataset

from data_utils.caltech101 import Caltech101
from data_utils.folder import ImageFolder


def test_items_are_rgb_images_with_labels(images: Path) -> None:
    """A grayscale file is an RGB image too; transforms are applied."""
    Image.new("L", (80, 80), 7).save(images / "bee" / "0.jpg")
    dataset = Caltech101(images, transform=lambda image: image.mode, target_transform=lambda label: -label)
    assert dataset[6] == ("RGB", -1)


def test_it_is_a_torchvision_data_set_of_the_folder(images: Path) -> None:
    """With torchvision's customary attributes."""
    dataset, folder = Caltech101(images), ImageFolder(images)
    assert isinstance(dataset, VisionDataset)
    assert len(dataset) == 18
    assert dataset.samples == folder.samples
    assert dataset.class_to_idx == {"ant": 0, "bee": 1, "cat": 2}
