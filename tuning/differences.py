"""In what two sets of settings differ."""

from collections.abc import Mapping
from typing import Any


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return {dotted key: (value before, value after)} of nested settings; None for one that is not there."""
    ours, theirs = _flat(before), _flat(after)
    return {
        key: (ours.get(key), theirs.get(key))
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key) != theirs.get(key)
    }


def as_text(changes: Mapping[str, tuple[Any, Any]]) -> str:
    """Return changes as `train.max_epochs 200 -> 8, ...`."""
    return ", ".join(f"{key} {_shown(old)} -> {_shown(new)}" for key, (old, new) in changes.items())


def _flat(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{above}{key}.")
        else:
            flat[f"{above}{key}"] = value
    return flat


def _shown(value: Any) -> str:
    return "null" if value is None else str(value)
