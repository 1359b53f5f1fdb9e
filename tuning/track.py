"""A sweep's events on their way from Ray Tune to trackers of experiments: TensorBoard, MLflow, Weights & Biases."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import TBXLoggerCallback

from data_utils.errors import first_line
from tuning.config import Sweep
from tuning.outbox import FLUSH_SECONDS, Outbox
from tuning.recorder import INDEX, Recorder
from tuning.records import TrialRow
from tuning.retrain import Retrained, RetrainEnd
from tuning.selection import Pick
from tuning.space import TrialSpec
from tuning.told import Told
from tuning.track_mlflow import MlflowTracker
from tuning.track_wandb import WandbTracker
from tuning.tracker import Tracker
from tuning.wording import counted

HASTY_SECONDS = 5.0
"""How long an interrupt that ends all at once waits for what is still to be sent."""


def tensorboard(sweep: Sweep) -> list[tune.Callback]:
    """Return a callback for TensorBoard's event files, if the sweep wants them."""
    return [EventFiles()] if sweep.track.tensorboard else []


class EventFiles(TBXLoggerCallback):
    """Ray's own callback, but that the driver does not wait for the disk at every epoch of every trial.

    A thread writes the events within half a minute, and a trial's end all of them.
    """

    def __init__(self) -> None:
        with _hidden(
            "torch", "boto3"
        ):  # which tensorboardX imports where it can, for seconds, to no use here
            super().__init__()  # type: ignore[no-untyped-call]  # Ray leaves it untyped

    def log_trial_start(self, trial: Trial) -> None:
        """Open a trial's file."""
        super().log_trial_start(trial)
        self._trial_writer[trial].flush = _later


@contextmanager
def _hidden(*modules: str) -> Iterator[None]:
    """Let modules that are not imported yet pass for not installed."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None, as the import system takes it
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _later() -> None:
    """Leave what is to be written to the thread that writes."""


def trackers(sweep: Sweep, folder: Path) -> list[Tracker]:
    """Return the trackers that a sweep asks for."""
    made: list[Tracker] = []
    if (mlflow := sweep.track.mlflow) is not None:
        made.append(
            MlflowTracker(mlflow.uri, mlflow.experiment or sweep.name, sweep.name, Told(folder, "mlflow"))
        )
    if (wandb := sweep.track.wandb) is not None:
        told = Told(folder, "wandb")
        made.append(WandbTracker(folder, wandb.project, wandb.entity, wandb.mode, sweep.name, told))
    return made


class Tracking(tune.Callback):
    """Tells trackers what happens, each through an outbox of its own. Used as a context, which ends by sending what is left.

    It begins with what a process before this one left untold of trials that had ended.

    Ray Tune calls it after the recorder, whose rows it passes on. An epoch reported again after a retry is not told
    again: by exactness it has the same figures.

    Args:
        warn: told when a tracker first fails.
    """

    def __init__(
        self,
        told: Sequence[Tracker],
        specs: Sequence[TrialSpec],
        recorder: Recorder,
        warn: Callable[[str], None],
    ):
        self._specs, self._recorder = {spec.index: spec for spec in specs}, recorder
        self._boxes = [(one, Outbox(one.passing, partial(_say, one, warn))) for one in told]
        self._epochs: dict[int, int] = {}
        self._ended: set[int] = set()
        self.missing: list[str] = []
        """What a person should know at the end: which trackers lack what. Complete once the context has ended."""

    def __enter__(self) -> "Tracking":
        for index in [index for index in self._specs if self._recorder.has_ended(index)]:
            self._tell_whole(index)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for index in self._epochs.keys() - self._ended:  # of a sweep that was interrupted
            self._end(index)
        seconds = HASTY_SECONDS if kind is KeyboardInterrupt else FLUSH_SECONDS
        for one, box in self._boxes:
            if lost := box.close(seconds):
                self.missing.append(
                    f"track.{one.name}: {counted(lost, 'message')} did not arrive, so its runs lack something; "
                    f"the sweep's own tables hold everything"
                )

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing: threads are no state."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Tell of a trial's first start."""
        index: int = trial.config[INDEX]
        if index not in self._epochs:
            self._epochs[index] = 0
            self._tell(lambda one, when: one.start(self._specs[index], when))

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Tell of an epoch."""
        row = self._recorder.of(trial.config[INDEX])[-1]
        if row.epoch > self._epochs[row.trial]:
            self._epochs[row.trial] = row.epoch
            self._tell(lambda one, when: one.epoch(row, when))

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Tell of a trial's end."""
        self._end(trial.config[INDEX])

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Tell of a trial's failure."""
        self._end(trial.config[INDEX])

    def retrained(
        self, spec: TrialSpec, pick: Pick, end: RetrainEnd, files: Sequence[Path], began: float
    ) -> None:
        """Tell of a retrain that began at `began` (seconds since 1970) and has ended; see `Tracker.retrained`.

        One that ended well and was told of by a process before this one is not told again.
        """
        line = f"retrain of trial {spec.index} at {pick.epoch}, seed {end.seed}: {type(end).__name__}"
        for one, box in self._boxes:
            if not (isinstance(end, Retrained) and line in one.told):
                box.put(partial(_noted, one, line, one.retrained, spec, pick, end, files, began, time.time()))

    def _end(self, index: int) -> None:
        self._ended.add(index)
        row = self._recorder.trial(index)
        self._tell(lambda one, when: _noted(one, _line(row), one.end, row, when))

    def _tell_whole(self, index: int) -> None:
        """Tell of a trial that ended before this process began, whoever has not been told to its end."""
        row, now = self._recorder.trial(index), time.time()
        for one, box in self._boxes:
            if _line(row) not in one.told:
                box.put(partial(one.start, row.spec, now))
                for epoch in self._recorder.of(index):
                    box.put(partial(one.epoch, epoch, now))
                box.put(partial(_noted, one, _line(row), one.end, row, now))

    def _tell(self, event: Callable[[Tracker, float], None]) -> None:
        now = time.time()
        for one, box in self._boxes:
            box.put(partial(event, one, now))


def _noted(one: Tracker, line: str, event: Callable[..., None], *details: Any) -> None:
    """Tell of an end, and write down that it is told."""
    event(*details)
    one.told.add(line)


def _line(row: TrialRow) -> str:
    """Return what is written down of a trial's end; one that goes on afterwards ends otherwise."""
    return f"trial {row.spec.index} {row.outcome} at {row.epochs_run}"


def _say(one: Tracker, warn: Callable[[str], None], error: Exception) -> None:
    warn(
        f"track.{one.name}: {first_line(error)}; the sweep goes on, and what can still be sent later will be"
    )
