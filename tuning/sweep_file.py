"""A sweep file as plain values that remember where they were written."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.reader import ReaderError

from data_utils.errors import InputError, first_line
from tuning.plain_values import Place, plain

SWEEP_FILE = "sweep.yaml"
"""The settings in a sweep's folder, which is known by it."""

LARGEST_FILE = 2**20
"""Bytes: some twenty thousand points."""


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
    loaded = _load(path)
    if not isinstance(loaded, CommentedMap):
        raise InputError(str(path), ["line 1: a sweep file is a mapping (name: ..., data: ..., model: ...)"])
    file = SweepFile(str(path), {})
    try:
        file.values = plain(loaded, file.origins)
    except ValueError as error:
        raise InputError(str(path), [str(error)]) from error
    problems = [problem for override in overrides or [] if (problem := _override(file, override))]
    if problems:
        raise InputError("--set", problems)
    for key, value in (given or {}).items():
        file.values[key] = value
        file.origins[(key,)] = f"--{key}"
    return file


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        text = data.decode("utf-8")
    except FileNotFoundError as error:
        raise InputError(str(path), ["no such sweep file; those that ship are in experiments/"]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = f"line {line}: cannot be read as UTF-8 text: {error.reason}"
        raise InputError(str(path), [problem]) from error
    except (OSError, ValueError) as error:  # a ValueError is a NUL in the name
        raise InputError(str(path), [f"cannot be read: {error}"]) from error
    if len(data) > LARGEST_FILE:
        problem = f"is larger than {LARGEST_FILE:,} bytes, and no sweep file; give one"
        raise InputError(str(path), [problem])
    return _parse(text, str(path))


def _parse(text: str, subject: str) -> Any:
    """Return YAML's values, each with its line; no objects are built.

    Raises:
        InputError: it is no YAML.
    """
    yaml = YAML(typ="rt", pure=True)
    try:
        with warnings.catch_warnings():  # of anchors that are used twice
            warnings.simplefilter("ignore")
            return yaml.load(text)
    except Exception as error:  # a malformed file makes the parser raise nearly anything
        raise InputError(subject, [_yaml_problem(error, text)]) from error


def _yaml_problem(error: Exception, text: str) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = (str(error.problem).splitlines() or ["malformed"])[0]
        return f"line {mark.line + 1}, column {mark.column + 1}: not valid YAML: {problem}"
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: not valid YAML: {error.reason} (U+{ord(text[error.position]):04X})"
    if isinstance(error, RecursionError):
        return "not valid YAML: it is nested too deeply"
    return f"not valid YAML: {first_line(error)}"


def _override(file: SweepFile, override: str) -> str | None:
    """Apply one override; return what is wrong with it, or None."""
    shown = _shown(override)
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        return f"{shown!r} is not of the form key.key=value"
    try:
        value = plain(_parse(text, shown), {})
    except InputError as error:
        return f"{shown!r}: {error.problems[0]}"
    except ValueError as error:
        return f"{shown!r}: {str(error).removeprefix('line 1: ')}"
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
    """Return an override as messages repeat it: without its value where a secret may stand by mistake."""
    name = re.split(r"[=:\s]", override.strip(), maxsplit=1)[0]
    section = name.partition(".")[0]
    address = section in ("storage", "data") and ("@" in override or "?" in override)
    secret = section in ("track", "s3") or address
    return f"{name}=***" if secret else override
