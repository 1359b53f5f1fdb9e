"""A learner's state in a file, to go on from after a fault: read whole or refused, never half."""

from pathlib import Path

from data_utils.errors import InputError, first_line
from data_utils.places import fetched, shown
from trainables.learner import Learner
from trainables.torch_file import read_torch_file


def load_state(learner: Learner, place: str | Path, remedy: str) -> None:
    """Go on from a state that a learner built alike has left.

    Args:
        remedy: what is intact, and how to go on without the state.

    Raises:
        InputError: it is missing, damaged, or another network's; the learner is of no use then.
    """
    try:
        with fetched(str(place)) as path:
            learner.load_state_dict(read_torch_file(path, learner.device))
    except Exception as error:  # a broken file makes PyTorch raise nearly anything
        raise InputError(shown(str(place)), [f"cannot be read ({first_line(error)}); {remedy}"]) from error
