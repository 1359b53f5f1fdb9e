"""Caltech-101, or any folder that holds one folder of images a class."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from torchvision.datasets import VisionDataset
from torchvision.datasets.folder import IMG_EXTENSIONS

from data_utils.errors import InputError
from data_utils.lists import BACKGROUND, read_list

CATEGORIES = "101_ObjectCategories"
"""The folder of classes inside Caltech-101's own folder."""

LISTS = ("train.txt", "test.txt")


class Caltech101(VisionDataset):  # type: ignore[misc]  # torchvision ships no types
    """A tree of class folders as (image, label) pairs, without the background class.

    `root` holds the class folders, or `101_ObjectCategories` that holds them. If it also holds `train.txt` and
    `test.txt`, the samples are the listed images alone; otherwise they are all images, in sorted order. Class
    folders are searched to any depth; hidden files and files without an image's extension are passed over.

    Attributes:
        classes: class names, sorted; a label is a place in this list.
        names: `class/image.jpg` of each sample.
        samples: (path, label) of each sample.
        targets: the label of each sample.
        listed: the sample indices of `train.txt` and `test.txt` in their order, or None without lists.

    Raises:
        InputError: no such folder, no images, or lists that do not fit the folder; all problems at once.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Image.Image], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ):
        folder = Path(root).expanduser().resolve()
        if not folder.is_dir():
            raise InputError(
                str(root), ["no such folder; data.root names a folder of one folder of images a class"]
            )
        super().__init__(str(folder), transform=transform, target_transform=target_transform)
        self.folder = folder / CATEGORIES if (folder / CATEGORIES).is_dir() else folder
        found = _images(self.folder)
        self.classes: list[str] = sorted(found)
        self.class_to_idx = {name: label for label, name in enumerate(self.classes)}
        self.names = [name for names in (found[c] for c in self.classes) for name in names]
        if not self.names:
            raise InputError(
                str(self.folder),
                [
                    f"no images; expected class folders holding files that end in one of {', '.join(IMG_EXTENSIONS)}"
                ],
            )
        lists = self._read_lists(folder)
        if lists:
            self.names = sorted({name for names in lists for name in names})
            index = {name: i for i, name in enumerate(self.names)}
            self.listed: tuple[list[int], list[int]] | None = (
                [index[name] for name in lists[0]],
                [index[name] for name in lists[1]],
            )
        else:
            self.listed = None
        self.targets = [self.class_to_idx[name.partition("/")[0]] for name in self.names]
        self.samples = [
            (str(self.folder / name), label) for name, label in zip(self.names, self.targets, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, label = self.samples[index]
        with Image.open(path) as image:
            sample: Any = image.convert("RGB")
        if self.transform is not None:
            sample = self.transform(sample)
        return sample, label if self.target_transform is None else self.target_transform(label)

    def _read_lists(self, root: Path) -> tuple[list[str], list[str]] | None:
        """Return the names in the two lists, or None if there are no lists."""
        there = [(root / name).is_file() for name in LISTS]
        if not any(there):
            return None
        if not all(there):
            missing, present = (LISTS[0], LISTS[1]) if there[1] else (LISTS[1], LISTS[0])
            raise InputError(str(root), [f"{present} without {missing}; give both lists or neither"])
        names = set(self.names)
        (train, problems), (test, more) = (read_list(root / name, names, self.classes) for name in LISTS)
        problems += more
        both = sorted(set(train) & set(test))
        problems += [f"{name!r} is in both lists; test images must not be trained on" for name in both]
        if problems:
            raise InputError(f"lists of {root}", problems)
        return train, test


def _images(folder: Path) -> dict[str, list[str]]:
    """Return {class: sorted names of its images, relative to `folder`} for each class folder."""
    found: dict[str, list[str]] = {}
    for entry in os.scandir(folder):
        if not entry.is_dir() or entry.name == BACKGROUND or entry.name.startswith("."):
            continue
        names = [
            Path(where, file).relative_to(folder).as_posix()
            for where, _, files in os.walk(entry.path)
            for file in files
            if file.lower().endswith(IMG_EXTENSIONS) and not file.startswith(".")
        ]
        if names:
            found[entry.name] = sorted(names)
    return found
