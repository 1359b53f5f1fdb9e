"""Toys that run under trackers; apart from what reads these, whose imports would take a worker seconds."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import tune

from trainables.toy import ToyTrainable
from tuning.config import Sweep
from tuning.recorder import INDEX, Recorder
from tuning.records import make_stopper
from tuning.space import trial_specs
from tuning.track import Tracking, tensorboard, trackers
from tuning.trials import run_trials


class SteppingBack(ToyTrainable):
    """A toy that after its third epoch does the second and third again, as after a restore from a checkpoint."""

    def step(self) -> dict[str, Any]:
        """Return the next point."""
        if self._epoch == 3 and not getattr(self, "_back", False):
            self._back, self._epoch = True, 1
        return super().step()


class DyingWhenReused(ToyTrainable):
    """A toy whose worker dies, once, when it is to take another trial."""

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Die, or take it."""
        mark = Path(new_config["marks"], "reused")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().reset_config(new_config)


def toy_sweep(storage: Path, name: str, track: dict[str, Any], count: int, epochs: int) -> Sweep:
    """Return a sweep for toys, which need no images."""
    points = [{"lr": 0.1 / (i + 1)} for i in range(count)]
    values = {
        "name": name,
        "data": {"root": "sample"},
        "model": {"arch": "alexnet"},
        "train": {"max_epochs": epochs},
        "search": {"points": points},
        "storage": str(storage),
        "track": track,
    }
    return Sweep.model_validate(values)


def run_toys(
    sweep: Sweep,
    kinds: list[str],
    trainable: type[ToyTrainable] = ToyTrainable,
    watchers: Sequence[tune.Callback] = (),
) -> tuple[Recorder, list[str], list[str]]:
    """Run toys under a sweep's trackers; return the rows, what was warned of, and what is missing at the end."""
    trials = trial_specs(sweep)
    recorder = Recorder(sweep, trials)
    warned: list[str] = []
    folder, epochs = sweep.folder, sweep.train.max_epochs
    folder.mkdir(parents=True, exist_ok=True)
    with Tracking(trackers(sweep, folder), trials, recorder, warned.append) as tracking:
        run_trials(
            trainable,
            [{INDEX: i, "kind": kind, "max_epochs": epochs} for i, kind in enumerate(kinds)],
            folder=folder,
            cpus=1,
            gpus=0,
            max_concurrent=None,
            stopper=make_stopper(sweep.stop),
            callbacks=[recorder, *tensorboard(sweep), tracking, *watchers],
        )
    return recorder, warned, tracking.missing
