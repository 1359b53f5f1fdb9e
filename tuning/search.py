"""The search points as Ray Tune asks for them, one flat configuration a trial."""

from typing import Any

from ray.tune.search import Searcher


class PointSearch(Searcher):
    """Suggests given configurations in their order, each once.

    Ray's own grid search would nest them under one key, or multiply them out again.
    """

    def __init__(self, configs: list[dict[str, Any]]):
        super().__init__()
        self._configs = configs
        self._suggested = 0

    def suggest(self, trial_id: str) -> dict[str, Any] | None:
        """Return the next configuration, or None when all have been suggested."""
        if self._suggested == len(self._configs):
            return None
        self._suggested += 1
        return self._configs[self._suggested - 1]

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Learn nothing: the points are given."""

    def save(self, checkpoint_path: str) -> None:
        """Write how many have been suggested."""
        with open(checkpoint_path, "w", encoding="utf-8") as file:
            file.write(str(self._suggested))

    def restore(self, checkpoint_path: str) -> None:
        """Go on after those suggested before `save`."""
        with open(checkpoint_path, encoding="utf-8") as file:
            self._suggested = int(file.read())
