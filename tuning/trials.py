"""Trials on Ray Tune: of any trainable, one a configuration."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from tuning.frames import RAY_FOLDER
from tuning.interrupts import Interrupts
from tuning.journal import checkpoint_folders
from tuning.pausing import Endable, Pausing
from tuning.recorder import INDEX
from tuning.search import PointSearch
from tuning.sharing import Sharing


def run_trials(
    trainable: type[tune.Trainable],
    configs: list[dict[str, Any]],
    *,
    folder: Path,
    cpus: int,
    gpus: float,
    max_concurrent: int | None,
    stopper: tune.Stopper,
    callbacks: Sequence[tune.Callback],
    sharing: Sharing | None = None,
    max_failures: int = 0,
    interrupts: Interrupts | None = None,
) -> None:
    """Run trials of any trainable on Ray Tune, one a configuration; what happens reaches the callbacks.

    Args:
        folder: absolute; Ray's own files go into its `ray` folder.
        cpus, gpus: of a trial.
        sharing: of the trials that need not compute their first epochs; by default all do.
        max_failures: how often a trial that fails is tried again, from its last checkpoint.
        interrupts: heeded: running trials keep what they have reported, and then all end where they are.

    Raises:
        Exception: the one by which `interrupts` were broken off.
    """
    if not configs:
        return
    name, storage = _attempt(folder)
    interrupts = interrupts or Interrupts(lambda text: None)
    pausing = Pausing(interrupts)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": cpus, "gpu": gpus}),
        tune_config=tune.TuneConfig(
            scheduler=pausing,
            search_alg=PointSearch(configs, sharing),
            num_samples=len(configs),
            max_concurrent_trials=max_concurrent,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: f"trial_{trial.config[INDEX]:05d}",
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=str(storage),
            stop=Endable(stopper, pausing),
            callbacks=list(callbacks),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=max_failures),
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1, checkpoint_at_end=False),
        ),
    )
    with interrupts.heeded("each running trial ends its epoch and keeps its state"):
        tuner.fit()
    if interrupts.broken:
        raise interrupts.broken


def _attempt(folder: Path) -> tuple[str, Path]:
    """Return the name and storage of Ray's folder: `ray`, and in it a folder for each time that the sweep goes on.

    Ray would mix the trials of two runs of one name.
    """
    ray_folder = folder / RAY_FOLDER
    if not ray_folder.exists():
        return RAY_FOLDER, folder
    before = len(list(ray_folder.glob("resumed_*")))
    return f"resumed_{before + 1}", ray_folder


class CheckpointDropper(tune.Callback):
    """Drops a trial's checkpoints when it ends: they are for going on after a fault, and take half a gigabyte each.

    Those of a trial that failed stay: a resume goes on from them.
    """

    def __init__(self, folder: Path):
        self._folder = folder

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Remove what is left of the trial's checkpoints, of this attempt and those before."""
        for checkpoint in list(checkpoint_folders(self._folder, trial.config[INDEX])):
            shutil.rmtree(checkpoint)
