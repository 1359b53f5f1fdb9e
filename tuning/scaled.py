"""Sweeps that are smaller versions of a study's: what stands beside their figures, wherever these are shown."""

from pathlib import Path

from data_utils.places import basename, exists, fetched, is_s3, parent, under
from tuning.frames import find_tables
from tuning.results import TABLES
from tuning.sweep_file import SWEEP_FILE, read_sweep_file


def scaled(scale: str) -> str:
    """Return what is said of a sweep of a scale."""
    return f"a smaller version of its study ({scale}), whose figures are not those of the whole"


def scaled_notes(path: str | Path, sweep: str | None = None) -> list[str]:
    """Return a line for each scale that sweeps are of, of a sweep's folder or those below whose names match.

    Raises:
        InputError: as `tuning.results.load`, or settings that cannot be read.
    """
    found = find_tables(path, TABLES, sweep)
    folders = sorted({parent(file) for files in found.values() for file in files})
    names: dict[str, list[str]] = {}
    for folder in folders:
        if exists(settings := under(folder, SWEEP_FILE)):
            with fetched(settings) as file:
                scale = read_sweep_file(file).values.get("scale")
            if scale is not None:
                name = basename(folder) if is_s3(folder) else Path(folder).resolve().name
                names.setdefault(str(scale), []).append(name)
    return [f"{', '.join(of_scale)}: {scaled(scale)}" for scale, of_scale in names.items()]
