"""The trials table for other programs: sorted, as CSV or JSON, numbers as they are."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pandas as pd
import pyarrow as pa

from data_utils.errors import InputError, near
from tuning.frames import FOLDER
from tuning.results import TABLES

_SCHEMA = TABLES["trials"].append(FOLDER)


def sort_trials(trials: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return trials by a column: accuracies from the highest, others from the lowest, nulls last; ties as they were.

    Raises:
        InputError: no such column.
    """
    if column not in trials.columns:
        hint = near(column, trials.columns)
        raise InputError("--sort", [f"no column {column!r} in the trials table; {hint}"])
    return trials.sort_values(column, ascending=not column.endswith("accuracy"), kind="stable")


def to_csv(trials: pd.DataFrame) -> str:
    """Return trials as CSV with a header line; null is an empty field."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _SCHEMA.names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_records(trials))
    return text.getvalue()


def to_json(trials: pd.DataFrame) -> str:
    """Return trials as a JSON list of objects, all with all columns."""
    return json.dumps(_records(trials), indent=2, allow_nan=False) + "\n"


def _records(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows by the table's own types: pandas makes fractions of whole numbers, and NaN of null."""
    records: list[dict[str, Any]] = pa.Table.from_pandas(trials, _SCHEMA, preserve_index=False).to_pylist()
    return records
