"""Trials on Ray Tune: of any trainable, one a configuration."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from data_utils.errors import first_line
from data_utils.file_access import exists, matching, opened
from data_utils.places import is_s3, under
from tuning.files import drop
from tuning.frames import RAY_FOLDER, RESUMED
from tuning.interrupts import Interrupts
from tuning.journal import checkpoint_patterns
from tuning.neighbours import SECONDS_BETWEEN, Neighbour
from tuning.pausing import Endable, Pausing
from tuning.ray_inside import one_failure_a_worker, uncounted
from tuning.recorder import INDEX
from tuning.search import PointSearch
from tuning.sharing import Sharing

logger = logging.getLogger(__name__)


def run_trials(
    trainable: type[tune.Trainable],
    configs: list[dict[str, Any]],
    *,
    folder: Path | str,
    cpus: int,
    gpus: float,
    max_concurrent: int | None,
    stopper: tune.Stopper,
    callbacks: Sequence[tune.Callback],
    sharing: Sharing | None = None,
    max_failures: int = 0,
    interrupts: Interrupts | None = None,
    neighbour: Neighbour | None = None,
) -> None:
    """Run trials of any trainable on Ray Tune, one a configuration; what happens reaches the callbacks.

    Args:
        folder: absolute, or a place that every worker can reach; Ray's own files go into its `ray` folder.
        cpus, gpus: of a trial.
        sharing: of the trials that need not compute their first epochs; by default all do.
        max_failures: how often a trial that fails is tried again, from its last checkpoint.
        interrupts: heeded: running trials keep what they have reported, and then all end where they are.
        neighbour: says how many trials may run at once; by default as many as fit.

    Raises:
        Exception: the one by which `interrupts` were broken off.
    """
    if not configs:
        return
    name, storage = _attempt(str(folder))
    system, path = opened(storage)
    interrupts = interrupts or Interrupts(lambda text: None)
    neighbour = neighbour or Neighbour(cpus, gpus)
    pausing, search = Pausing(interrupts, neighbour.room), PointSearch(configs, sharing, neighbour.room)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": cpus, "gpu": gpus}),
        tune_config=tune.TuneConfig(
            scheduler=pausing,
            search_alg=search,
            num_samples=len(configs),
            max_concurrent_trials=max_concurrent,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: f"trial_{trial.config[INDEX]:05d}",
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=path,
            storage_filesystem=system if is_s3(storage) else None,
            stop=Endable(stopper, pausing),
            callbacks=[*callbacks, Wanting(neighbour, search, max_concurrent)],
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=max_failures),
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1, checkpoint_at_end=False),
        ),
    )
    heeded = interrupts.heeded("each running trial ends its epoch and keeps its state")
    with heeded, one_failure_a_worker(), uncounted():
        tuner.fit()
    if interrupts.broken:
        raise interrupts.broken


def _attempt(place: str) -> tuple[str, str]:
    """Return the name and place of Ray's folder: `ray`, and in it a folder for each time that the sweep goes on.

    Ray would mix the trials of two runs of one name.
    """
    of_ray = under(place, RAY_FOLDER)
    if not exists(of_ray):
        return RAY_FOLDER, place
    return f"{RESUMED}{len(matching(of_ray, f'{RESUMED}*')) + 1}", of_ray


class Wanting(tune.Callback):
    """Says how many trials a sweep could run at once, for its claim to the cluster."""

    def __init__(self, neighbour: Neighbour, search: PointSearch, most: int | None):
        self._neighbour, self._search, self._most = neighbour, search, most
        self._due = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing."""
        return {}

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Count, as often as claims are made."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + SECONDS_BETWEEN
            room = self._neighbour.room
            wants = room.live + room.paused + self._search.ready
            self._neighbour.wants = min(wants, self._most or wants)


class CheckpointDropper(tune.Callback):
    """Drops a trial's checkpoints when it ends: they are for going on after a fault, and take half a gigabyte each.

    Those of a trial that failed stay: a resume goes on from them. So do all once `interrupts` are broken off, as when a
    trial's end could not be written down.

    Args:
        again: whether there may be some of attempts before; to look for them takes the longer the more trials there are.
    """

    def __init__(self, folder: Path, interrupts: Interrupts, again: bool = True):
        self._folder, self._interrupts, self._again = folder, interrupts, again

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Remove what is left of the trial's checkpoints, of this attempt and those before."""
        if self._interrupts.broken:
            return
        first, resumed = checkpoint_patterns(trial.config[INDEX])
        for pattern in (first, resumed) if self._again else (first,):
            try:
                drop(self._folder, pattern)
            except OSError as error:  # which Ray would take for a failure of the trial
                logger.warning("the checkpoints of a trial that has ended stay (%s)", first_line(error))
