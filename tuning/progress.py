"""What a person sees while a sweep runs: a live table in a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tuning.recorder import INDEX, Recorder
from tuning.records import EpochRow, best_epoch, leader
from tuning.space import TrialSpec
from tuning.wording import clock, counted, percent

SECONDS_BETWEEN_LINES = 5.0
"""In plain lines, how often a running trial may speak; a trial's end always does."""


class Progress(tune.Callback):
    """Shows each stage of a sweep on a console. Used as a context; Ray Tune calls it as a callback."""

    def __init__(self, console: Console, specs: Sequence[TrialSpec], max_epochs: int, recorder: Recorder):
        self._console, self._specs, self._max_epochs, self._recorder = console, specs, max_epochs, recorder
        self._start = time.monotonic()
        self._spoke = -SECONDS_BETWEEN_LINES
        self._status: dict[int, str] = {
            spec.index: str(recorder.trial(spec.index).outcome)
            if recorder.has_ended(spec.index)
            else "waiting"
            for spec in specs
        }
        self._note = ""
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._render, transient=True)

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing: a console is no state."""
        return {}

    def stage(self, text: str) -> None:
        """Say that a stage begins."""
        self._note = text
        self._line(text)

    def warn(self, text: str) -> None:
        """Say what a person should know though the sweep goes on; from any thread."""
        self._console.print(text, style="yellow", highlight=False, markup=False, soft_wrap=True)

    def count(self, what: str, done: int, total: int) -> None:
        """Say how far a counted stage is."""
        self._note = f"{what} {done}/{total}"
        if done == total or self._may_speak():
            self._line(self._note)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Show that a trial runs."""
        self._status[trial.config[INDEX]] = "running"

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Show a trial's epoch, and the best so far."""
        if self._may_speak():
            accuracy = result.get("val_accuracy")
            shown = "diverged" if accuracy is None else f"val_accuracy {percent(accuracy)}"
            best = leader(self._recorder.epochs)
            so_far = (
                f"; best so far {_accuracy(best)} (trial {best.trial}, epoch {best.epoch})" if best else ""
            )
            self._line(
                f"trial {trial.config[INDEX]} epoch {result['epoch']}/{self._max_epochs}: {shown}{so_far}"
            )

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Show how a trial ended."""
        self._ended(trial.config[INDEX])

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Show that a trial failed, and why."""
        self._ended(trial.config[INDEX])

    def _ended(self, index: int) -> None:
        row = self._recorder.trial(index)
        self._status[index] = str(row.outcome)
        best = (
            ""
            if row.best_val_accuracy is None
            else f", best {percent(row.best_val_accuracy)} at epoch {row.best_epoch}"
        )
        epochs = counted(row.epochs_run, "epoch")
        self._line(f"trial {index} {row.outcome} after {epochs}{best}: {row.error or row.stop_reason}")

    def _may_speak(self) -> bool:
        now = time.monotonic()
        if now - self._spoke < SECONDS_BETWEEN_LINES:
            return False
        self._spoke = now
        return True

    def _line(self, text: str) -> None:
        if not self._console.is_terminal:
            self._console.print(f"{self._elapsed()}  {text}", highlight=False, markup=False, soft_wrap=True)

    def _elapsed(self) -> str:
        return clock(time.monotonic() - self._start)

    def _render(self) -> RenderableType:
        table = Table(
            "trial", "hyperparameters", "status", "epoch", "val_accuracy", "best", "at epoch", box=None
        )
        for spec in self._shown():
            table.add_row(*map(Text, self._cells(spec, self._recorder.of(spec.index))))
        best = leader(self._recorder.epochs)
        so_far = f"best so far: {_accuracy(best)}, trial {best.trial}, epoch {best.epoch}" if best else ""
        return Group(table, Text(f"{self._elapsed()}  {self._note}  {so_far}"))

    def _shown(self) -> Sequence[TrialSpec]:
        """Return the trials that fit on the screen, those running first."""
        order = {"running": 0, "waiting": 2}
        by_interest = sorted(self._specs, key=lambda spec: order.get(self._status[spec.index], 1))
        chosen = by_interest[: max(self._console.height - 5, 1)]
        return sorted(chosen, key=lambda spec: spec.index)

    def _cells(self, spec: TrialSpec, rows: Sequence[EpochRow]) -> list[str]:
        best, last = best_epoch(rows), rows[-1] if rows else None
        return [
            str(spec.index),
            ", ".join(f"{name} {value}" for name, value in spec.point.items()),
            self._status[spec.index],
            f"{last.epoch}/{self._max_epochs}" if last else "",
            _accuracy(last),
            _accuracy(best),
            str(best.epoch) if best else "",
        ]


def _accuracy(row: EpochRow | None) -> str:
    return "" if row is None or row.val_accuracy is None else percent(row.val_accuracy)
