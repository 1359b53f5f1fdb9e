"""What a sweep keeps for a tracker in its journal, so that a resume goes on with the same runs and tells nothing twice."""

import uuid
from pathlib import Path

from tuning.files import aside
from tuning.journal import FOLDER


class Told:
    """What a tracker has been told to the end; a kill or a full disk may lose a line, whose event is then told again."""

    def __init__(self, folder: Path, tracker: str):
        self._folder, self._file = folder / FOLDER, folder / FOLDER / f"told_{tracker}.txt"
        self._sweep = _name(
            self._folder
        )  # here, since trackers have a thread each, and two would name it twice

    def __contains__(self, event: str) -> bool:
        try:
            return event in self._file.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False

    def add(self, event: str) -> None:
        """Write down an event, which is one line."""
        try:
            self._folder.mkdir(exist_ok=True)
            before = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
            with aside(self._file) as part:
                part.write_text(f"{before}{event}\n", encoding="utf-8")
        except OSError:
            return

    def run_name(self, *parts: object) -> str:
        """Return a name that no run of any other sweep has, and that a resume gives the same run again.

        Not by the folder: one that is overwritten is another sweep, and one that is moved is the same.
        """
        return "-".join([self._sweep, *map(str, parts)])


def _name(journal: Path) -> str:
    """Return the name that a sweep's trackers know it by, made if it has none."""
    path = journal / "track_id"
    if not path.exists():
        journal.mkdir(parents=True, exist_ok=True)
        with aside(path) as part:
            part.write_text(uuid.uuid4().hex, encoding="utf-8")
    return path.read_text(encoding="utf-8")
