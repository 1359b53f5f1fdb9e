"""The columns of `trials.parquet` that hold hyperparameters."""

import pandas as pd

_PREFIX = "config_"
_SEED = "seed"
"""The trial's, searched or not: it stands without the prefix."""


def column(name: str) -> str:
    """Return the column that a hyperparameter is in."""
    return name if name == _SEED else f"{_PREFIX}{name}"


def label(column: str) -> str:
    """Return the hyperparameter that a column holds."""
    return column.removeprefix(_PREFIX)


def columns(trials: pd.DataFrame) -> list[str]:
    """Return the columns of all hyperparameters that may be searched."""
    return [str(name) for name in trials if str(name).startswith(_PREFIX) or name == _SEED]


def varied(trials: pd.DataFrame) -> list[str]:
    """Return the columns in which trials differ."""
    return [name for name in columns(trials) if trials[name].nunique(dropna=False) > 1]
