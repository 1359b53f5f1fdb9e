"""What settings are made of: their base, and the kinds of values that several of them take."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError


def _one_value(value: Any) -> Any:
    if isinstance(value, list | dict):
        raise PydanticCustomError(
            "one_value", "must be one value, not a list or a mapping; lists of values go in grid"
        )
    return value


Scalar = Annotated[bool | int | float | str | None, BeforeValidator(_one_value)]
"""A hyperparameter's value."""

LARGEST_SEED = 2**63 - 1
LARGEST = 10**9
"""Of any other whole number, so that every one fits its column."""


class Settings(BaseModel):
    """The base of all settings: immutable, exact types, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


def checked_path(text: str) -> str:
    """Let through what a path can be."""
    try:
        os.fsencode(Path(text).expanduser())
    except (RuntimeError, ValueError) as error:  # no such user's home, or half a character
        raise PydanticCustomError(
            "path", "must name a file or folder ({reason})", {"reason": str(error)}
        ) from error
    if not text or "\0" in text:
        raise PydanticCustomError("path", "must name a file or folder, and hold no NUL")
    return text


PathText = Annotated[str, AfterValidator(checked_path)]
"""Where something lies, relative to the working directory or absolute."""
