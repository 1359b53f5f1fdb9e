"""MLflow: a run for each trial, and a run beneath the winner's for each retrain, with its test and the model.

Ray's own callback is not used: it sends each metric by a request of its own while Ray Tune's loop waits, with Ray's own
counters among them and the whole recipe as parameters, and a server that is gone holds up the loop for minutes.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_utils.errors import InputError, first_line
from trainables.metrics import LR
from tuning.reach import unreachable
from tuning.records import EpochRow, Outcome, TrialRow
from tuning.retrain import Retrained, RetrainEnd
from tuning.selection import Pick
from tuning.space import TrialSpec
from tuning.told import Told
from tuning.tracker import ended, measured, tested

if TYPE_CHECKING:  # MLflow takes seconds to import: only a sweep that asks for it does
    from mlflow import MlflowClient
    from mlflow.entities import Run

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the outbox tries again, and can be told to end
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_STATUS = {
    Outcome.COMPLETED: "FINISHED",
    Outcome.STOPPED_UP: "FINISHED",
    Outcome.DIVERGED: "FINISHED",
    Outcome.STOPPED_SCHEDULER: "KILLED",
    Outcome.ERRORED: "FAILED",
}
_KEY = "upsweep_run"
"""The tag that a run is found by again, whatever a person has named it since."""
_LAST = ("outcome", "stop_reason", "error")
"""Tags of a run's end, which no longer hold once it goes on."""


def check_mlflow(uri: str) -> None:
    """Look whether MLflow is installed and its server answers.

    Raises:
        InputError: it is not, or does not.
    """
    try:
        client = _client(uri)
    except ImportError as error:
        problem = "the package is not installed; pip install 'upsweep[mlflow]', or set it to null"
        raise InputError("track.mlflow", [problem]) from error
    why = unreachable(uri)
    if why is None:
        try:
            client.search_experiments(max_results=1)
        except Exception as error:  # of many kinds, by what answers there
            why = first_line(error)
    if why is not None:
        problem = (
            f"no MLflow server answers at {uri} ({why}); start one with `mlflow server`, or set it to null"
        )
        raise InputError("track.mlflow", [problem])


class MlflowTracker:
    """Sends a sweep's events to an MLflow server. Every method waits for the server and raises what goes wrong."""

    name = "mlflow"

    def __init__(self, uri: str, experiment: str, sweep: str, told: Told):
        self._uri, self._experiment, self._sweep, self.told = uri, experiment, sweep, told
        self._experiment_id: str | None = None
        self._runs: dict[int, str] = {}
        self._epochs: dict[int, int] = {}

    def passing(self, error: Exception) -> bool:
        """Return whether the same call may succeed later: unless the server understood it and said no."""
        import requests
        from mlflow.exceptions import MlflowException, RestException

        if isinstance(error, RestException):
            status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]  # MLflow leaves it untyped
            return status >= 500 or status == 429
        if (
            isinstance(error, requests.HTTPError) and error.response is not None
        ):  # a model too large for a proxy, say
            return error.response.status_code >= 500 or error.response.status_code == 429
        return isinstance(error, MlflowException | OSError)

    def start(self, spec: TrialSpec, when: float) -> None:
        """Open a trial's run, with its hyperparameters as parameters; or go on with the one that there is."""
        run = self._open(
            self._key(spec), f"trial {spec.index}", when, spec.hyperparameters, {"trial": spec.index}
        )
        points = _client(self._uri).get_metric_history(run, LR)
        self._epochs[spec.index] = max((point.step for point in points), default=0)
        self._runs[spec.index] = run

    def epoch(self, row: EpochRow, when: float) -> None:
        """Add an epoch's figures to the run's curves, at the step of its number."""
        if row.epoch > self._epochs[row.trial]:
            self._log(self._runs[row.trial], measured(row), when, step=row.epoch)

    def end(self, row: TrialRow, when: float) -> None:
        """Close a trial's run with how it ended and how good it was."""
        facts = ended(row)
        run = self._runs[row.spec.index]
        best = {name: facts[name] for name in ("best_val_accuracy", "best_epoch") if facts[name] is not None}
        self._log(run, best, when, step=row.best_epoch or 0)
        self._tag(run, {name: fact for name, fact in facts.items() if name not in best})
        _client(self._uri).set_terminated(run, _STATUS[row.outcome], _milliseconds(when))

    def retrained(
        self, spec: TrialSpec, pick: Pick, end: RetrainEnd, files: Sequence[Path], began: float, when: float
    ) -> None:
        """Write a retrain as a run beneath its trial's: parameters, the test's figures, and the model's files."""
        client, winner = _client(self._uri), self._find(self._key(spec))
        parameters = spec.hyperparameters | {"seed": end.seed, "epochs": pick.epoch}
        tags = {"trial": spec.index}
        if winner is not None:  # unless a person has deleted it
            tags["mlflow.parentRunId"] = winner.info.run_id
        key = self.told.run_name("retrain", spec.index, pick.epoch, end.seed)
        run = self._open(key, f"retrain seed {end.seed}", began, parameters, tags)
        figures, facts = tested(end)
        self._log(run, figures, when, step=pick.epoch)
        self._tag(run, facts)
        client.set_terminated(
            run, "FINISHED" if isinstance(end, Retrained) else "FAILED", _milliseconds(when)
        )
        if winner is not None:
            client.set_tag(winner.info.run_id, "winner", "true")
        for file in files:  # last, since a server may refuse a file that is too large for it
            client.log_artifact(run, str(file))

    def _key(self, spec: TrialSpec) -> str:
        return self.told.run_name("trial", spec.index)

    def _find(self, key: str) -> "Run | None":
        found = _client(self._uri).search_runs([self._id()], f"tags.{_KEY} = '{key}'", max_results=1)
        return found[0] if found else None

    def _open(
        self, key: str, name: str, when: float, parameters: Mapping[str, Any], tags: Mapping[str, Any]
    ) -> str:
        """Return a run, made if there is none of this key; one that had ended runs again."""
        from mlflow.entities import Param

        client = _client(self._uri)
        if before := self._find(key):
            run = str(before.info.run_id)
            client.update_run(run, "RUNNING")
            for tag in _LAST:
                if tag in before.data.tags:
                    client.delete_tag(run, tag)
        else:
            texts = {name: str(value) for name, value in {_KEY: key, "sweep": self._sweep, **tags}.items()}
            run = str(client.create_run(self._id(), _milliseconds(when), texts, name).info.run_id)
        shown = [Param(key, "null" if value is None else str(value)) for key, value in parameters.items()]
        client.log_batch(run, params=shown)
        return run

    def _id(self) -> str:
        """Return the experiment's id, and make the experiment if need be."""
        if self._experiment_id is None:
            client = _client(self._uri)
            there = client.get_experiment_by_name(self._experiment)
            self._experiment_id = there.experiment_id if there else client.create_experiment(self._experiment)
        return self._experiment_id

    def _log(self, run: str, figures: Mapping[str, float], when: float, step: int) -> None:
        """Add figures in one request; sent again after a lost answer, they are the same points, not further ones."""
        from mlflow.entities import Metric

        points = [Metric(name, value, _milliseconds(when), step) for name, value in figures.items()]
        _client(self._uri).log_batch(run, metrics=points)

    def _tag(self, run: str, facts: Mapping[str, Any]) -> None:
        from mlflow.entities import RunTag

        tags = [RunTag(name, str(fact)) for name, fact in facts.items() if fact is not None]
        _client(self._uri).log_batch(run, tags=tags)


def _client(uri: str) -> "MlflowClient":
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    return MlflowClient(uri)


def _milliseconds(when: float) -> int:
    return int(when * 1000)
