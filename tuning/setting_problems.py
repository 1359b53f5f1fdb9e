"""What pydantic says of settings, as rule, value and remedy, with its line in the file."""

from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from data_utils.errors import near
from tuning.plain_values import Place, dotted
from tuning.sweep_file import SweepFile

_LONGEST_SHOWN = 200


def explain(error: ErrorDetails, keys: list[str]) -> str:
    """Return one of pydantic's errors as rule, value and remedy; `keys` are those known where it happened."""
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    if kind == "extra_forbidden":
        return f"unknown key; {near(str(error['loc'][-1]), keys)}"
    if kind == "missing":
        return "is missing; give it a value"
    rules = {
        "greater_than_equal": "must be at least {ge}",
        "greater_than": "must be more than {gt}",
        "less_than_equal": "must be at most {le}",
        "less_than": "must be less than {lt}",
        "literal_error": "must be {expected}",
        "int_type": "must be a whole number",
        "float_type": "must be a number",
        "string_type": "must be text",
        "bool_type": "must be true or false",
        "finite_number": "must be finite",
        "list_type": "must be a list",
        "dict_type": "must be a mapping",
        "model_type": "must be a mapping of keys to values",
        "too_short": "must have at least {min_length} items",
        "string_pattern_mismatch": "must be letters, digits, dots, dashes and underscores, and start with a letter or digit",
        "string_too_long": "must be at most {max_length} characters",
    }
    if rule := rules.get(kind):
        return f"{rule.format(**context)}, but got {shown(value)}"
    return (
        error["msg"]
        if kind in ("crop", "search", "augment", "one_value", "uri")
        else f"{error['msg']}, but got {shown(value)}"
    )


def shown(value: Any) -> str:
    """Return a value as a message repeats it: the beginning of one that is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def setting_problems(error: ValidationError, file: SweepFile, settings: type[BaseModel]) -> list[str]:
    """Return one line a place of a file of `settings`; a union's several complaints about one value are one problem."""
    problems: dict[Place, str] = {}
    for details in error.errors(include_url=False):
        place, keys = _written(details["loc"], file.values, settings)
        if place[:1] in (("track",), ("s3",)):  # where a secret may stand by mistake
            details["input"] = "***"
        problem = explain(details, keys)
        nothing_near = problem.startswith("unknown key; there are") and place[0] != "search"
        if nothing_near and (elsewhere := _elsewhere(place[-1], settings)):
            problem = f"unknown key; did you mean {' or '.join(map(repr, elsewhere))}?"
        problems.setdefault(place, f"{file.where(place)}: {dotted(place)}: {problem}")
    return list(problems.values())


def _written(location: Place, values: Any, settings: type[BaseModel]) -> tuple[Place, list[str]]:
    """Return the place in the file (without the union tags that pydantic adds), and the keys its section knows."""
    place: list[str | int] = []
    section: type[BaseModel] | None = settings
    for i, part in enumerate(location):
        in_list = isinstance(values, list) and isinstance(part, int) and part < len(values)
        there = in_list or (isinstance(values, dict) and part in values)
        if not there and not (i == len(location) - 1 and isinstance(values, dict)):
            break
        place.append(part)
        values = values[part] if there else None
        if i < len(location) - 1:
            section = section_of(section, part)
    return tuple(place), list(section.model_fields) if section else []


def _elsewhere(key: str | int, settings: type[BaseModel]) -> list[str]:
    """Return the settings of this name in other sections, as `train.max_epochs`."""
    return [
        f"{name}.{key}"
        for name in settings.model_fields
        if (section := section_of(settings, name)) and key in section.model_fields
    ]


def section_of(holder: type[BaseModel] | None, key: str | int) -> type[BaseModel] | None:
    """Return the settings class of a key, if it holds one."""
    if isinstance(key, int):  # an item of a list of settings
        return holder
    if holder is None or key not in holder.model_fields:
        return None
    annotation = holder.model_fields[key].annotation
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
