"""A page on every setting, made from the classes that check them, so that it says what they do."""

import dataclasses
import inspect
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from data_utils.augment import OPERATIONS, PRESETS
from tuning.config import SearchSettings, Sweep
from tuning.setting_types import LARGEST_SEED
from tuning.space import TUNABLE
from tuning.study_file import StudySettings

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Any: "anything",
    type(None): "null",
}
_BOUNDS: list[tuple[type[Any], str, str]] = [
    (Ge, "ge", "at least {}"),
    (Gt, "gt", "more than {}"),
    (Le, "le", "at most {}"),
    (Lt, "lt", "less than {}"),
]


def settings_page() -> str:
    """Return the page as Markdown."""
    lines = [
        "# Settings",
        "",
        "Every setting of a sweep file. Each can be given on the command line too: `--set train.max_epochs=40`.",
        "This page is what `upsweep settings` prints.",
        *_section("", Sweep),
        "",
        "# Settings of a study file",
        "",
        "What `upsweep study` takes: sweeps, each with a sweep file, and what one hands to the next.",
        *_section("", StudySettings),
    ]
    return "\n".join(lines) + "\n"


def _section(name: str, settings: type[BaseModel]) -> Iterator[str]:
    """Yield a section's table, then those of the sections in it."""
    prefix = f"{name}." if name else ""
    if name:
        yield from ("", f"{'#' * (name.count('.') + 2)} {name}", "", _text(settings.__doc__))
    yield from ("", "| key | type | default | allowed | what it is |", "|---|---|---|---|---|")
    inner: list[tuple[str, type[BaseModel]]] = []
    for key, field in settings.model_fields.items():
        holds = _settings_in(field.annotation)
        if holds:
            inner.append((f"{prefix}{key}", holds))
        what = _text(field.description) or (_text(holds.__doc__) if holds else "")
        cells = (f"`{prefix}{key}`", _type(field.annotation), _default(field), _allowed(field), what)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    if settings is SearchSettings:
        yield from _tunable()
    if name == "train":
        yield from _augmentations()
    for key, holds in inner:
        yield from _section(key, holds)


def _tunable() -> Iterator[str]:
    yield from (
        "",
        "What `points` and `grid` may vary:",
        "",
        "| name | the setting that it is |",
        "|---|---|",
    )
    for name, place in TUNABLE.items():
        yield f"| `{name}` | `{'.'.join(place)}` |"


def _augmentations() -> Iterator[str]:
    yield from ("", "The operations of `train.augment`, with their parameters' defaults:", "")
    yield from ("| operation | parameters | what it does |", "|---|---|---|")
    for name, operation in OPERATIONS.items():
        parameters = [f"`{field.name}: {field.default:.4g}`" for field in dataclasses.fields(operation)]
        yield f"| `{name}` | {', '.join(parameters) or 'none'} | {_text(operation.__doc__)} |"
    yield from ("", "The paper's sets, by name:", "", "| name | operations |", "|---|---|")
    for name, spec in PRESETS.items():
        shown = ", ".join(_operation(one, given) for item in spec for one, given in item.items())
        yield f"| `{name}` | {shown or 'nothing'} |"


def _operation(name: str, parameters: dict[str, Any]) -> str:
    shown = ", ".join(f"{key}: {value}" for key, value in parameters.items())
    return f"`{name}: {{{shown}}}`" if shown else f"`{name}`"


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    """Return the settings class that a field holds, if it holds one."""
    parts = (annotation, *get_args(annotation))
    return next((p for p in parts if inspect.isclass(p) and issubclass(p, BaseModel)), None)


def _type(annotation: Any) -> str:
    """Return a type in words."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in parts)
    if origin in (Union, types.UnionType):
        if {bool, int, float, str} <= set(parts):
            return "value"  # of whatever kind the hyperparameter is
        return " or ".join(_type(part) for part in parts)
    if origin is list:
        return "list" if parts[0] is Any else f"list, each a {_type(parts[0])}"
    if origin is dict:
        return "mapping of names, each to " + ("anything" if parts[1] is Any else f"a {_type(parts[1])}")
    return "section" if _settings_in(annotation) else _WORDS[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "to be given"
    if isinstance(field.default, BaseModel):
        return "as below"
    words = {None: "null", True: "true", False: "false"}
    value = field.default
    return f"`{words[value] if value is None or isinstance(value, bool) else value}`"


def _allowed(field: FieldInfo) -> str:
    """Return the bounds that are declared with a field, and with the items of a list; other rules are in its text."""
    rules = _rules(field.metadata)
    if get_origin(field.annotation) is list:
        (item,) = get_args(field.annotation)
        if get_origin(item) is Annotated:
            inner = [
                m for extra in get_args(item)[1:] if isinstance(extra, FieldInfo) for m in extra.metadata
            ]
            rules += [f"each {rule}" for rule in _rules(inner)]
    return ", ".join(rules)


def _rules(metadata: list[Any]) -> list[str]:
    rules = []
    for rule in metadata:
        rules += [
            text.format(_number(getattr(rule, key))) for kind, key, text in _BOUNDS if isinstance(rule, kind)
        ]
        if isinstance(rule, MinLen):
            rules.append("not empty")
        if isinstance(rule, MaxLen):
            rules.append(f"at most {rule.max_length} long")
        if getattr(rule, "allow_inf_nan", None) is False:
            rules.append("finite")
    return rules


def _number(value: float) -> str:
    return "2^63 - 1" if value == LARGEST_SEED else f"{value:,}"


def _text(doc: str | None) -> str:
    return " ".join((doc or "").split())
