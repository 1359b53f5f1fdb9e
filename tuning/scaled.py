"""Sweeps that are smaller versions of a study's: what stands beside their figures, wherever these are shown."""

import re
from collections.abc import Mapping
from pathlib import Path

from data_utils.file_access import exists, fetched
from data_utils.places import basename, is_s3, parent, under
from tuning.frames import find_tables, relative
from tuning.remote import place_given
from tuning.results import TABLES
from tuning.sweep_file import SWEEP_FILE, read_sweep_file

_WHOLE = re.compile(rb"^scale:[ \t]*null[ \t]*$", re.MULTILINE)
"""As a sweep that is no smaller version writes it."""


def scaled(scale: str) -> str:
    """Return what is said of a sweep of a scale."""
    return f"a smaller version of its study ({scale}), whose figures are not those of the whole"


def scaled_notes(path: str | Path, sweep: str | None = None) -> list[str]:
    """Return a line for each scale that sweeps are of, of a sweep's folder or those below whose names match.

    Raises:
        InputError: as `tuning.results.load`, or settings that cannot be read.
    """
    root = place_given(path)
    found = find_tables(path, TABLES, sweep)
    folders = sorted({parent(file) for files in found.values() for file in files})
    return notes_of({_name(root, folder): scale_of(folder) for folder in folders})


def notes_of(scales: Mapping[str, str | None]) -> list[str]:
    """Return a line for each scale of {sweep's name: its scale}; whole ones have None."""
    names: dict[str, list[str]] = {}
    for name, scale in scales.items():
        if scale is not None:
            names.setdefault(scale, []).append(name)
    return [f"{', '.join(of_scale)}: {scaled(scale)}" for scale, of_scale in names.items()]


def _name(root: str, folder: str) -> str:
    """Return a sweep's folder as it is told from others: relative to what was asked for, and by its name if it is that."""
    below = relative(root, folder)
    if below != ".":
        return below
    return basename(folder) if is_s3(folder) else Path(folder).resolve().name


def scale_of(folder: str) -> str | None:
    """Return the scale that the sweep of a folder is of, or None if it is a whole one.

    Raises:
        InputError: its settings cannot be read.
    """
    if not exists(settings := under(folder, SWEEP_FILE)):
        return None
    with fetched(settings) as file:
        text = file.read_bytes()
        if b"scale" not in text or _WHOLE.search(text):  # YAML takes a hundred times as long
            return None
        scale = read_sweep_file(file).values.get("scale")
        return None if scale is None else str(scale)
