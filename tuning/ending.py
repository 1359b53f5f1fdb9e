"""The file that says a sweep has ended, and how: without it, what a folder holds is unfinished."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from data_utils.errors import InputError
from data_utils.sealed_json import read_sealed, sealed
from tuning.files import aside

ENDING = "ended.json"


@dataclass(frozen=True)
class Ending:
    """How a sweep ended; written after everything else."""

    ok: bool
    """Whether there is a winner, and neither a trial nor a retrain failed."""
    winner: int | None
    """The trial that was retrained."""
    epochs: int | None
    """For how many epochs."""
    train_images: int
    val_images: int
    test_images: int
    split_digest: str = ""
    """Of the split that these images are of; empty in older files."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of what computed; empty in older files."""


def write_ending(folder: Path, ending: Ending) -> None:
    """Write `ended.json`."""
    with aside(folder / ENDING) as part:
        part.write_text(sealed(asdict(ending), indent=2) + "\n", encoding="utf-8")


def read_ending(folder: Path) -> Ending | None:
    """Return how the sweep of a folder ended, or None if it has not.

    Raises:
        InputError: the file is not one of ours.
    """
    path = folder / ENDING
    try:
        return Ending(**read_sealed(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        problem = (
            f"cannot be read ({error}); the tables beside it stand: drop the file to run the sweep again"
        )
        raise InputError(str(path), [problem]) from error
