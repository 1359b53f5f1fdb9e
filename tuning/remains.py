"""What the folder of a sweep that has not ended well holds for its resume, in words."""

from pathlib import Path

from data_utils.sealed_json import read_sealed
from tuning.wording import counted

JOURNAL = "journal"
"""Within a sweep's folder, until it has ended well: see `tuning.journal`."""
SHARED = "shared"
"""Within a sweep's folder, while its trials run: the epochs and states that one trial leaves to others."""


def remains(folder: Path) -> str | None:
    """Return what a resume would go on from, or None if there is nothing."""
    journal = folder / JOURNAL
    ended = sorted(path.stem[-5:] for path in journal.glob("trial_*.json"))
    checkpoints = [
        f"trial {int(mark.stem[-5:])} at epoch {_epochs(mark)}"
        for mark in sorted(journal.glob("checkpoint_*.json"))
        if mark.stem[-5:] not in ended
    ]
    parts = [counted(len(ended), "trial") + " that ended"] if ended else []
    if checkpoints:
        parts.append(f"the checkpoints of {', '.join(checkpoints)}")
    if retrained := list(journal.glob("retrain_*.npz")):
        parts.append(f"{counted(len(retrained), 'retrain')} that ended")
    if list(journal.glob("retrain_*.pt")):
        parts.append("the state of the retrain under way")
    return "; ".join(parts) or None


def _epochs(mark: Path) -> int | str:
    try:
        return int(read_sealed(mark)["epochs"])
    except (OSError, ValueError, TypeError, KeyError):
        return "?"
