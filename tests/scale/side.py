"""`python -m tests.scale.side ours|plain TRIALS EPOCHS`: one side in a process of its own; prints its figures as JSON."""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import TBXLoggerCallback
from rich.console import Console

from trainables.toy import ToyTrainable
from tuning import cluster
from tuning.config import Sweep
from tuning.interrupts import Interrupts
from tuning.journal import Journal
from tuning.live_tables import LiveTables
from tuning.progress import Progress
from tuning.recorder import INDEX, Recorder
from tuning.records import make_stopper
from tuning.results import write_epochs, write_trials
from tuning.retries import Retries
from tuning.space import trial_specs
from tuning.track import tensorboard
from tuning.trials import CheckpointDropper, run_trials

FIRST = 10
"""Trials until everything is imported and started."""
LONG = 0.4
"""Seconds an epoch of the first trials lasts, one a slot: Ray Tune gives up a worker that is starting as soon as another
worker can take its trial, so if all trials were over in no time it would be chance how many workers there ever are."""


def first_are_long(index: int) -> float:
    """Return how many seconds an epoch of a trial lasts."""
    return LONG if index < cluster.this_machine().cpus else 0.0


class Started(tune.Callback):
    """Looks at the clock and the driver's memory when the first trials have ended."""

    def __init__(self) -> None:
        self._ended = 0
        self.seconds = self.computed = self.memory = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing."""
        return {}

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Count."""
        self._ended += 1
        if self._ended == FIRST:
            self.seconds, self.computed = time.perf_counter(), time.process_time()
            self.memory = psutil.Process().memory_info().rss


def ours(
    folder: Path,
    trials: int,
    epochs: int,
    started: tune.Callback,
    lasts: Callable[[int], float] = first_are_long,
) -> None:
    """Run the toys as the driver runs a sweep's trials, and write the two tables.

    Args:
        lasts: how many seconds an epoch of a trial sleeps.
    """
    sweep = Sweep.model_validate(
        {
            "name": "scale",
            "data": {"root": "sample"},
            "model": {"arch": "alexnet"},
            "train": {"max_epochs": epochs},
            "search": {"grid": {"lr": [0.1 / (i + 1) for i in range(trials)]}},
            "storage": str(folder),
        }
    )
    specs = trial_specs(sweep)
    recorder = Recorder(sweep, specs)
    sweep.folder.mkdir()
    with (
        Progress(Console(quiet=True), specs, epochs, recorder) as progress,
        Interrupts(progress.warn) as interrupts,
    ):
        keeping = [
            Journal(sweep.folder, recorder, interrupts),
            LiveTables(sweep.folder, recorder, progress.warn),
            CheckpointDropper(sweep.folder, interrupts, again=False),
            Retries(progress.warn, interrupts),
        ]
        run_trials(
            ToyTrainable,
            [{INDEX: i, "kind": "rise", "max_epochs": epochs, "seconds": lasts(i)} for i in range(trials)],
            folder=sweep.folder,
            cpus=1,
            gpus=0,
            max_concurrent=None,
            stopper=make_stopper(sweep.stop),
            callbacks=[recorder, *keeping, *tensorboard(sweep), progress, started],
            max_failures=sweep.faults.max_failures,
            interrupts=interrupts,
        )
    write_epochs(sweep.folder, recorder.epochs)
    write_trials(sweep.folder, recorder.trials())
    assert len(recorder.epochs) == trials * epochs


def plain(folder: Path, trials: int, epochs: int, started: Started) -> None:
    """Run the same toys as one does with Ray Tune alone, with the one logger that the driver has, too."""
    tuner = tune.Tuner(
        ToyTrainable,
        param_space={
            "kind": "rise",
            "max_epochs": epochs,
            INDEX: tune.grid_search(list(range(trials))),
            "seconds": tune.sample_from(lambda config: first_are_long(config[INDEX])),
        },
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(
            name="plain", storage_path=str(folder), callbacks=[TBXLoggerCallback(), started], verbose=0
        ),
    )
    results = tuner.fit()
    assert len(results) == trials
    assert not results.errors


def main() -> None:
    """Start Ray, run one side, and print what it took."""
    side, trials, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    cluster.start()
    begin, started = time.perf_counter(), Started()
    with tempfile.TemporaryDirectory(prefix="upsweep-scale-") as folder:
        {"ours": ours, "plain": plain}[side](Path(folder), trials, epochs, started)
    end, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {
        "seconds": end - begin,
        "peak_mb": peak / 1e6,
        "ms_a_trial": 1e3 * (end - started.seconds) / (trials - FIRST),
        "driver_ms_a_trial": 1e3 * (time.process_time() - started.computed) / (trials - FIRST),
        "kb_a_trial": (peak - started.memory) / 1e3 / (trials - FIRST),
    }
    print(json.dumps(figures), flush=True)
    os._exit(0)  # Ray's processes end with this one; an orderly end takes seconds that nobody measures


if __name__ == "__main__":
    main()
