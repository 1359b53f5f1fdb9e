"""What a model says of images, for a person or another program."""

import json

import pandas as pd
from rich.table import Table
from rich.text import Text

from tuning.wording import percent

Answer = tuple[str, list[tuple[str, float]]]
"""An image, and its likeliest classes with their probabilities."""


def as_table(answers: list[Answer]) -> Table:
    """Return a row an image."""
    ranks = max((len(top) for _, top in answers), default=0)
    table = Table("image", *(str(rank) for rank in range(1, ranks + 1)), box=None, pad_edge=False)
    for name, top in answers:
        cells = (f"{label} {percent(probability)}" for label, probability in top)
        table.add_row(Text(name), *map(Text, cells))
    return table


def as_csv(answers: list[Answer]) -> str:
    """Return a row an image and class: `path`, `rank` from 1, `class`, `probability`."""
    rows = [
        (name, rank, label, probability)
        for name, top in answers
        for rank, (label, probability) in enumerate(top, start=1)
    ]
    return pd.DataFrame(rows, columns=["path", "rank", "class", "probability"]).to_csv(index=False)


def as_json(answers: list[Answer]) -> str:
    """Return a list of `{path, top: [{class, probability}]}`."""
    images = [
        {"path": name, "top": [{"class": label, "probability": p} for label, p in top]}
        for name, top in answers
    ]
    return json.dumps(images, indent=2) + "\n"
