"""`python -m tests.tuning.neighbour_toys HOST:PORT FOLDER CPUS TRIALS EPOCHS`: toys that sleep, on a cluster that others use, too.

Prints `running` at the first epoch of the trial that begins last of those that fit at first, and the epochs of each trial at the end.
"""

import sys
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial

from tests.tuning.toys import toy_sweep
from trainables.toy import ToyTrainable
from tuning import cluster, neighbours
from tuning.neighbours import neighbour
from tuning.recorder import INDEX, Recorder
from tuning.records import make_stopper
from tuning.space import trial_specs
from tuning.trials import run_trials

SECONDS = 0.3
"""That an epoch sleeps."""


class Told(tune.Callback):
    """Says that as many trials have reported as fit at first."""

    def __init__(self, many: int):
        self._many, self._seen = many, set[int]()

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing."""
        return {}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Count it."""
        before = len(self._seen)
        self._seen.add(trial.config[INDEX])
        if before < self._many == len(self._seen):
            print("running", flush=True)


def main(address: str, folder: Path, cpus: int, trials: int, epochs: int) -> None:
    """Run them."""
    neighbours.SECONDS_BETWEEN, neighbours.SECONDS_UNTIL_STARVED = 0.5, 3.0
    sweep = toy_sweep(folder, "toys", {}, trials, epochs)
    recorder = Recorder(sweep, trial_specs(sweep))
    cluster.start(address)
    with neighbour(cpus, 0, shared=True) as ours:
        run_trials(
            ToyTrainable,
            [{INDEX: i, "kind": "rise", "max_epochs": epochs, "seconds": SECONDS} for i in range(trials)],
            folder=folder,
            cpus=cpus,
            gpus=0,
            max_concurrent=None,
            stopper=make_stopper(sweep.stop),
            callbacks=[recorder, Told(min(trials, ours.room.slots or 1))],
            neighbour=ours,
        )
    print(*(row.epochs_run for row in recorder.trials()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6]))
