"""How far a sweep is: by what its command has said, and what its folder holds."""

from enum import StrEnum
from pathlib import Path

from tuning.journal import FOLDER as JOURNAL


class Stage(StrEnum):
    """The stages of an attempt, in their order."""

    STARTING = "starting"
    """Imports, a look at everything, Ray."""
    DECODING = "decoding"
    """Images into the pixel store; an attempt that finds one is through in a moment."""
    TRIALS = "trials"
    BETWEEN = "between"
    """All trials have ended, and the retrain has not begun."""
    RETRAIN = "retrain"
    TABLES = "tables"
    """The retrain has trained its last epoch: the test, what it leaves, the report."""


ORDER = list(Stage)

_SAID = {
    "opening the images of ": Stage.DECODING,
    " at once": Stage.TRIALS,
    "retraining trial ": Stage.RETRAIN,
    "writing the report": Stage.TABLES,
}


def stage(said: str, folder: Path, trials: int) -> Stage:
    """Return the stage of an attempt.

    Args:
        said: what its command has printed.
        folder: of the sweep, which may not exist yet.
        trials: of the sweep.
    """
    now = max((at for words, at in _SAID.items() if words in said), key=ORDER.index, default=Stage.STARTING)
    if now is Stage.TRIALS and len(list((folder / JOURNAL).glob("trial_*.json"))) == trials:
        return Stage.BETWEEN
    if now is Stage.RETRAIN and _last_epoch_is_done(said):
        return Stage.TABLES
    return now


def _last_epoch_is_done(said: str) -> bool:
    """Whether the last of a count such as `retrain epoch 5/5` has been said."""
    counts = [line.rpartition(" ")[2].split("/") for line in said.splitlines() if "retrain epoch " in line]
    return any(len(count) == 2 and count[0] == count[1] for count in counts)
