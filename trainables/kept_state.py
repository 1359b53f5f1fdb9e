"""A learner's state in a file, to go on from after a fault: read whole or refused, never half."""

from pathlib import Path

import torch

from data_utils.errors import InputError, first_line
from data_utils.file_access import fetched
from data_utils.places import shown
from trainables.learner import Learner
from trainables.torch_file import read_torch_file


def load_state(learner: Learner, place: str | Path, remedy: str) -> None:
    """Go on from a state that a learner built alike has left.

    Args:
        remedy: what is intact, and how to go on without the state.

    Raises:
        InputError: it is missing, damaged, or another network's; the learner is of no use then.
        OSError, MemoryError, torch.OutOfMemoryError: S3 is out of reach, or memory is: another try may do better.
    """
    try:
        with fetched(str(place)) as path:
            _load(learner, path)
    except FileNotFoundError as error:
        raise InputError(shown(str(place)), [f"cannot be read ({first_line(error)}); {remedy}"]) from error
    except InputError as error:
        raise InputError(shown(str(place)), [f"cannot be read ({error.problems[0]}); {remedy}"]) from error


def _load(learner: Learner, path: Path) -> None:
    try:
        learner.load_state_dict(read_torch_file(path))  # on the CPU first: a GPU would have to hold it twice
    except (MemoryError, torch.OutOfMemoryError, FileNotFoundError):
        raise
    except Exception as error:  # a broken file makes PyTorch raise nearly anything
        raise InputError(str(path), [first_line(error)]) from error
