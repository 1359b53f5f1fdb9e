"""What must be on every machine that trains for a sweep as it is on its driver's: the numbers would differ without a word."""

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from data_utils.errors import InputError
from data_utils.folder import ImageFolder
from data_utils.prepared import open_folder

PACKAGES = ("upsweep", "torch", "torchvision", "ray", "pillow", "numpy")
"""What computes."""


class UnlikeMachineError(InputError):
    """A machine that would compute something else than the driver's; others may be like it."""


@dataclass(frozen=True)
class Alike:
    """The driver's machine, in plain values that travel to any other."""

    host: str
    root: str
    """As `Recipe.root`."""
    images: str
    """The digest of its images, of `digest_of`."""
    weights: Mapping[str, int]
    """{weight file: its bytes}"""
    versions: Mapping[str, str]

    def problems(self) -> list[str]:
        """Return in what the machine that this runs on differs, each with its remedy."""
        here = versions()
        found = [
            f"has {name} {here.get(name, 'not at all')}, and {self.host} has {there}; install the same on both"
            for name, there in self.versions.items()
            if here.get(name) != there
        ]
        if problem := self._images_problem():
            found.append(problem)
        return found + [problem for file in self.weights if (problem := self._weights_problem(file))]

    def _images_problem(self) -> str | None:
        remedy = "share the folder with it, or give data.root a tar or zip by s3:// or https://, which each machine fetches"
        try:
            same = digest_of(open_folder(self.root)) == self.images
        except InputError as error:
            return f"data.root: {error}; {remedy}"
        if same:
            return None
        return f"data.root: {self.root} holds other images than on {self.host}, by their names and sizes; {remedy}"

    def _weights_problem(self, file: str) -> str | None:
        try:
            size = os.stat(file).st_size
        except OSError as error:
            return f"model.weights: {file} cannot be read ({error.strerror}); share it with this machine, or copy it there"
        if size == self.weights[file]:
            return None
        return (
            f"model.weights: {file} has {size} bytes, and {self.weights[file]} on {self.host}; copy it again"
        )


def of_this_machine(root: str, folder: ImageFolder, weights: list[str]) -> Alike:
    """Return what other machines must have as this one has it."""
    sizes = {file: Path(file).stat().st_size for file in weights}
    return Alike(platform.node(), root, digest_of(folder), sizes, versions())


def digest_of(folder: ImageFolder) -> str:
    """Return sixteen hex digits of the names, labels and sizes of a folder's images; their bytes are not read.

    Raises:
        InputError: images cannot be looked at.
    """
    sha = hashlib.sha256()
    problems = []
    for name, (path, label) in zip(folder.names, folder.samples, strict=True):
        try:
            sha.update(f"{name}\0{label}\0{os.stat(path).st_size}\n".encode())
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror}; restore it or take it out")
    if problems:
        raise InputError(str(folder.folder), problems)
    sha.update(repr(folder.listed).encode())
    return sha.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions of what computes here; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def refuse_unlike(given: Mapping[str, Any] | None) -> None:
    """Compare this machine with the driver's, in a worker on a node that may have joined after the others were looked at.

    Args:
        given: the fields of an `Alike`, or None where there is but one machine.

    Raises:
        UnlikeMachineError: they differ.
    """
    if given is not None and (problems := Alike(**given).problems()):
        raise UnlikeMachineError(f"machine {platform.node()}", problems)
