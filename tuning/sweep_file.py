"""A sweep file as plain values that remember where they were written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from data_utils.errors import InputError

SWEEP_FILE = "sweep.yaml"
"""The settings in a sweep's folder, which is known by it."""

Place = tuple[str | int, ...]
"""A value's keys and list positions from the top."""


@dataclass
class SweepFile:
    """The plain values of a file with overrides applied, and where each came from."""

    source: str
    values: dict[str, Any]
    origins: dict[Place, str] = field(default_factory=dict)
    """{place: "line 4" or "--set a.b=c"}."""

    def where(self, place: Place) -> str:
        """Return where a value, or the nearest that holds it, was written."""
        for length in range(len(place), 0, -1):
            if origin := self.origins.get(place[:length]):
                return origin
        return "line 1"


def read_sweep_file(
    path: str | Path, overrides: list[str] | None = None, given: Mapping[str, str] | None = None
) -> SweepFile:
    """Read a YAML 1.2 file of plain values, and apply `a.b=value` overrides, whose values are YAML too.

    Args:
        given: top-level values that come as they are, from options of their own.

    Raises:
        InputError: the file cannot be read or is no YAML mapping, or an override is malformed.
    """
    path = Path(path)
    try:
        loaded = _yaml().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(str(path), ["no such sweep file; those that ship are in experiments/"]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), [f"cannot be read as UTF-8 text: {error}"]) from error
    except (YAMLError, ValueError) as error:  # a ValueError is an impossible date
        raise InputError(str(path), [_yaml_problem(error)]) from error
    if not isinstance(loaded, CommentedMap):
        raise InputError(str(path), ["line 1: a sweep file is a mapping (name: ..., data: ..., model: ...)"])
    file = SweepFile(str(path), {})
    file.values = _plain(loaded, (), file.origins)
    problems = [problem for override in overrides or [] if (problem := _override(file, override))]
    if problems:
        raise InputError("--set", problems)
    for key, value in (given or {}).items():
        file.values[key] = value
        file.origins[(key,)] = f"--{key}"
    return file


def _yaml() -> YAML:
    """Return a loader of plain values only, which keeps line numbers and builds no objects."""
    return YAML(typ="rt", pure=True)


def _yaml_problem(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = str(error.problem).splitlines()[0]
        return f"line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {problem}"
    return f"not valid YAML: {str(error).splitlines()[0]}"


def _plain(value: Any, place: Place, origins: dict[Place, str]) -> Any:
    """Return a loaded value as plain Python values, and note the line of each key and item."""
    if isinstance(value, CommentedMap):
        for key in value:
            if key in (value.lc.data or {}):  # what a merge key brings in is another mapping's
                origins[(*place, key)] = f"line {value.lc.key(key)[0] + 1}"
        return {key: _plain(item, (*place, key), origins) for key, item in value.items()}
    if isinstance(value, CommentedSeq):
        for index in range(len(value)):
            if mark := value.lc.item(index):  # a tagged list has none
                origins[(*place, index)] = f"line {mark[0] + 1}"
        return [_plain(item, (*place, index), origins) for index, item in enumerate(value)]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _override(file: SweepFile, override: str) -> str | None:
    """Apply one override; return what is wrong with it, or None."""
    shown = _shown(override)
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        return f"{shown!r} is not of the form key.key=value"
    try:
        value = _plain(_yaml().load(text), (), {})
    except (YAMLError, ValueError) as error:
        return f"{shown!r}: {_yaml_problem(error)}"
    holder = file.values
    for key in keys[:-1]:
        inner = holder.setdefault(key, {})
        if inner is None:
            inner = holder[key] = {}
        if not isinstance(inner, dict):
            return f"{shown!r}: {key!r} holds a value, not keys"
        holder = inner
    holder[keys[-1]] = value
    place = tuple(keys)
    file.origins = {p: origin for p, origin in file.origins.items() if p[: len(place)] != place}
    file.origins[place] = f"--set {shown}"
    return None


def _shown(override: str) -> str:
    """Return an override as messages repeat it: without its value in `track`, where a secret may stand by mistake."""
    name = re.split(r"[=:\s]", override.strip(), maxsplit=1)[0]
    return f"{name}=***" if name.partition(".")[0] == "track" else override
