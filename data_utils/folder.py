"""A folder that holds one folder of images a class, as names and labels; needs no PyTorch."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from data_utils.errors import InputError
from data_utils.lists import BACKGROUND, read_list

CATEGORIES = "101_ObjectCategories"
"""The folder of classes inside Caltech-101's own folder."""

LISTS = ("train.txt", "test.txt")

_KINDS = 5
"""Of files that are passed over, named at most."""

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""What an image's name ends in, in any case: those that torchvision takes."""


class ImageFolder:
    """A tree of class folders, without the background class.

    `root` holds the class folders, or `101_ObjectCategories` that holds them. If it also holds `train.txt` and
    `test.txt`, the samples are the listed images alone; otherwise they are all images, in sorted order. Class
    folders are searched to any depth; hidden files and files without an image's extension are passed over. The root itself
    may be a link, but a class or an image that is one must not lead out of it.

    Attributes:
        root: the folder, absolute.
        folder: where the class folders are, absolute.
        classes: class names, sorted; a label is a place in this list.
        names: `class/image.jpg` of each sample.
        samples: (path, label) of each sample.
        targets: the label of each sample.
        listed: the sample indices of `train.txt` and `test.txt` in their order, or None without lists.
        passed_over: {extension: files in class folders that are no images by it}.
        without_images: folders that hold such files alone, with how many; they are no classes.

    Raises:
        InputError: no such folder, no images, links that lead out of it, or lists that do not fit it; all problems at once.
    """

    def __init__(self, root: str | Path):
        try:
            self.root = Path(root).expanduser().resolve()
            if not self.root.is_dir():
                remedy = "data.root names a folder of one folder of images a class"
                raise InputError(str(root), [f"no such folder; {remedy}"])
            self.folder = self.root / CATEGORIES if (self.root / CATEGORIES).is_dir() else self.root
            found, self.passed_over, self.without_images = _images(self.folder, self.root)
        except OSError as error:
            raise InputError(str(root), [f"cannot be read: {error}; let this user read it"]) from error
        self.classes: list[str] = sorted(found)
        self.names = [name for class_name in self.classes for name in found[class_name]]
        if not self.names:
            found_others = f" among {by_extension(self.passed_over)}" if self.passed_over else ""
            raise InputError(
                str(self.folder),
                [
                    f"no images{found_others}; expected class folders holding files that end in one of {', '.join(EXTENSIONS)}"
                ],
            )
        self.listed: tuple[list[int], list[int]] | None = None
        if lists := self._read_lists():
            self.names = sorted({name for names in lists for name in names})
            index = {name: i for i, name in enumerate(self.names)}
            train, test = ([index[name] for name in names] for names in lists)
            self.listed = train, test
        labels = {name: label for label, name in enumerate(self.classes)}
        self.targets = [labels[name.partition("/")[0]] for name in self.names]
        inside = os.path.join(self.folder, "")
        self.samples = [(inside + name, label) for name, label in zip(self.names, self.targets, strict=True)]

    def __len__(self) -> int:
        return len(self.samples)

    def _read_lists(self) -> tuple[list[str], list[str]] | None:
        """Return the names in the two lists, or None if there are no lists."""
        root = self.root
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


def by_extension(files: Counter[str]) -> str:
    """Return a count of files as `3 files: .gif 2, .heic 1`."""
    ordered = sorted(files.items(), key=lambda kind: (-kind[1], kind[0]))
    kinds = [f"{extension or 'no extension'} {number}" for extension, number in ordered[:_KINDS]]
    kinds += ["..."] if len(ordered) > _KINDS else []
    return f"{files.total()} file{'' if files.total() == 1 else 's'}: {', '.join(kinds)}"


def _extension(name: str) -> str:
    """Return the extension of a file in small letters, with what cannot be printed as `?`."""
    return "".join(letter if letter.isprintable() else "?" for letter in os.path.splitext(name)[1].lower())


def _images(folder: Path, root: Path) -> tuple[dict[str, list[str]], Counter[str], list[str]]:
    """Return {class: sorted names of its images, relative to `folder`}, the extensions of what is passed over, and the
    folders without images.

    Raises:
        OSError: a folder that cannot be read; passed over, it would shift the labels without a word.
        InputError: names that cannot be written down, or links that lead out of `root`, or of where `folder`, if that is
            a link itself, leads.
    """
    inside = (str(root), str(folder.resolve()))
    found: dict[str, list[str]] = {}
    passed_over = Counter[str]()
    without: list[str] = []
    problems: list[str] = []
    for entry in _entries(folder):
        if not entry.is_dir() or entry.name == BACKGROUND or entry.name.startswith("."):
            continue
        if problem := _leads_out(entry, entry.name, inside):
            problems.append(problem)
            continue
        names = []
        others = Counter[str]()
        for name, file in _files(entry.path, entry.name):
            if not name.lower().endswith(EXTENSIONS):
                others[_extension(name)] += 1
            elif not is_utf8(name):
                problems.append(f"{name!r} is not UTF-8; rename it")
            elif problem := _leads_out(file, name, inside):
                problems.append(problem)
            else:
                names.append(name)
        passed_over += others
        if names:
            found[entry.name] = sorted(names)
        elif others:
            without.append(f"{entry.name!r} ({by_extension(others)})")
    if problems:
        raise InputError(str(folder), problems)
    return found, passed_over, sorted(without)


def _files(folder: str, name: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield (name, entry) of every file in a folder called `name`, to any depth, but hidden ones and links to folders."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path, f"{name}/{entry.name}")
        elif not entry.name.startswith(".") and not entry.is_dir():
            yield f"{name}/{entry.name}", entry


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _leads_out(entry: os.DirEntry[str], name: str, inside: tuple[str, ...]) -> str | None:
    """Return what is wrong with an entry that is a link to somewhere outside of these folders, or None."""
    if not entry.is_symlink():
        return None
    target = os.path.realpath(entry.path)
    if any(target.startswith(os.path.join(folder, "")) for folder in inside):
        return None
    return (
        f"{name!r} is a link out of the folder, to {target}; copy it here, or name that folder as data.root"
    )


def is_utf8(name: str) -> bool:
    """Return whether a name's bytes were UTF-8; Python stands in surrogates for those that were not."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)
