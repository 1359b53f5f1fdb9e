"""List files: one `class/image.jpg` a line, relative to the folder of classes."""

from collections.abc import Collection
from pathlib import Path, PurePosixPath

BACKGROUND = "BACKGROUND_Google"
"""Caltech-101's clutter folder, which is no class."""


def read_list(path: Path, names: Collection[str], classes: Collection[str]) -> tuple[list[str], list[str]]:
    """Read one list file.

    Args:
        path: the file, UTF-8 text. Blank lines and lines of the background folder are left out.
        names: every image there is, as `class/image.jpg`.
        classes: every class there is.

    Returns:
        The listed names in the file's order, and the problems found, each with file and line.
    """
    listed: dict[str, int] = {}
    problems: list[str] = []
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows' editors put a mark before the first line
    except OSError as error:
        return [], [f"{path}: cannot be read ({error.strerror}); let this user read it"]
    except UnicodeDecodeError as error:
        at = error.object.count(b"\n", 0, error.start) + 1
        return [], [f"{path}:{at}: is not UTF-8 text ({error.reason}); write one class/image.jpg a line"]
    without_folder: dict[str, int] = {}
    # Not splitlines(), which breaks lines at characters that a name may hold.
    for number, line in enumerate(text.split("\n"), start=1):
        written = line.strip()
        if (
            written in names and written not in listed
        ):  # as nearly all: taking paths apart takes longest of all
            listed[written] = number
            continue
        name = PurePosixPath(written).as_posix()  # ./class/image.jpg, as `find` writes it, is class/image.jpg
        parts = PurePosixPath(name).parts
        if not written or (parts and parts[0] == BACKGROUND):
            continue
        where = f"{path}:{number}"
        if len(parts) < 2 or parts[0] == "/" or ".." in parts:
            problems.append(f"{where}: {written!r} is not of the form class/image.jpg")
        elif parts[0] not in classes:
            without_folder.setdefault(parts[0], number)
        elif name not in names:
            problems.append(f"{where}: listed image {name!r} is missing; restore it or take it off the list")
        elif name in listed:
            problems.append(f"{where}: {name!r} is listed before, on line {listed[name]}; list it once")
        else:
            listed[name] = number
    problems.extend(
        f"{path}:{number}: class {name!r} has no folder; add the folder or take its lines off the list"
        for name, number in without_folder.items()
    )
    return list(listed), problems
