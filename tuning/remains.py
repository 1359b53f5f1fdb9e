"""What the folder of a sweep that has not ended well holds for its resume, in words."""

import shlex
from pathlib import Path

from data_utils.file_access import exists
from data_utils.places import shown, under
from data_utils.sealed_json import read_sealed
from tuning.wording import counted

JOURNAL = "journal"
"""Within a sweep's folder, until it has ended well: see `tuning.journal`."""
SHARED = "shared"
"""Within a sweep's folder, while its trials run: the epochs and states that one trial leaves to others."""


def in_the_way(place: str) -> str:
    """Return that a sweep is at a place already, and what to do."""
    if exists(under(place, JOURNAL)):
        again = shlex.join(["upsweep", "resume", shown(place)])
        return f"{shown(place)} has not ended: {again} goes on with it; or give another --name, or --overwrite to lose it"
    return f"{shown(place)} is there already; give another --name, or --overwrite to replace it"


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
