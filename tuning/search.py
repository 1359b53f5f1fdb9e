"""The search points as Ray Tune asks for them, one flat configuration a trial."""

import json
import logging
from typing import Any

from ray.tune.search import Searcher

from data_utils.errors import first_line
from tuning.disk_full import is_disk_full
from tuning.neighbours import Room
from tuning.recorder import INDEX
from tuning.sharing import Sharing

logger = logging.getLogger(__name__)

SHARED = "shared"
"""The configuration key that says where the epochs are that a trial need not compute; see `Sharing.inherited`."""


class PointSearch(Searcher):
    """Suggests given configurations in their order, each once; one that shares epochs, when these have been computed.

    Ray's own grid search would nest them under one key, or multiply them out again.
    """

    def __init__(
        self, configs: list[dict[str, Any]], sharing: Sharing | None = None, room: Room | None = None
    ):
        super().__init__()
        self._waiting = list(configs)
        self._sharing, self._room, self._told = sharing, room or Room(), False

    @property
    def ready(self) -> int:
        """How many of those not suggested yet may start."""
        sharing = self._sharing
        return sum(sharing is None or sharing.may_start(config[INDEX]) for config in self._waiting)

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """Return the next configuration that may start, or None when there is none, for now or for good."""
        sharing = self._sharing
        if not self._room.is_left:
            return None
        for config in self._waiting:
            if sharing is None or sharing.may_start(config[INDEX]):
                try:
                    given = sharing.inherited(config[INDEX]) if sharing else None
                except OSError as error:
                    if is_disk_full(error) or not (sharing and sharing.is_at_s3):
                        raise
                    self._tell_once(error)
                    return None
                self._waiting.remove(config)
                self._room.live += 1  # until it is counted
                return config if given is None else config | {SHARED: given._asdict()}
        return None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Learn nothing, the points being given, but that there is room: Ray Tune asks for the next before it counts."""
        self._room.live = max(self._room.live - 1, 0)

    def _tell_once(self, error: OSError) -> None:
        """Say why trials wait: the server may be back, or never."""
        if not self._told:
            self._told = True
            logger.warning("trials wait for the storage, which cannot be reached (%s)", first_line(error))

    def save(self, checkpoint_path: str) -> None:
        """Write which have not been suggested."""
        with open(checkpoint_path, "w", encoding="utf-8") as file:
            json.dump([config[INDEX] for config in self._waiting], file)

    def restore(self, checkpoint_path: str) -> None:
        """Go on with those not suggested before `save`."""
        with open(checkpoint_path, encoding="utf-8") as file:
            left = json.load(file)
        self._waiting = [config for config in self._waiting if config[INDEX] in left]
