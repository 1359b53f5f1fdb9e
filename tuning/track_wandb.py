"""Weights & Biases: a run for each trial and each retrain, in one group; the model is an artifact of its retrain.

Ray's own callback is not used: it starts two processes a trial, and wants a key even for runs that are only written down.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data_utils.errors import InputError, first_line
from tuning.reach import unreachable
from tuning.records import EpochRow, Outcome, TrialRow
from tuning.retrain import Retrained, RetrainEnd
from tuning.selection import Pick
from tuning.space import TrialSpec
from tuning.told import Told
from tuning.tracker import ended, measured, tested

if TYPE_CHECKING:  # only a sweep that asks for it imports it
    from wandb import Run

FINISH_SECONDS = 60.0
"""How long the end of a run waits for what is still to be sent; what is not sent stays in the sweep's folder."""


def check_wandb(mode: str) -> None:
    """Look whether Weights & Biases is installed and, online, whether there is a key and its server answers.

    Raises:
        InputError: it is not, or there is none.
    """
    try:
        wandb = _import()
    except ImportError as error:
        problem = "the package is not installed; pip install 'upsweep[wandb]', or set it to null"
        raise InputError("track.wandb", [problem]) from error
    if mode == "offline":
        return
    settings = wandb.setup().settings
    why = unreachable(settings.base_url)
    if why is not None:
        problem = (
            f"{settings.base_url} does not answer ({why}); set track.wandb.mode to offline, or it to null"
        )
        raise InputError("track.wandb", [problem])
    try:
        known = wandb.login(prompt=False)
    except wandb.Error as error:
        problem = f"the key is not taken ({first_line(error)}); `wandb login` gives another"
        raise InputError("track.wandb", [problem]) from error
    if not known:
        problem = "there is no key; `wandb login`, set WANDB_API_KEY, or set track.wandb.mode to offline"
        raise InputError("track.wandb", [problem])


class WandbTracker:
    """Hands a sweep's events to wandb's own process, which writes them to the sweep's folder and sends them."""

    name = "wandb"

    def __init__(
        self,
        folder: Path,
        project: str,
        entity: str | None,
        mode: Literal["online", "offline"],
        sweep: str,
        told: Told,
    ):
        self._folder, self._sweep, self.told = folder, sweep, told
        self._where: dict[str, Any] = {"project": project, "entity": entity, "mode": mode}
        self._runs: dict[int, Run] = {}

    def passing(self, error: Exception) -> bool:
        """Return False: wandb keeps what it could not send, and tries again itself."""
        return False

    def start(self, spec: TrialSpec, when: float) -> None:
        """Open a trial's run, with its hyperparameters as configuration; or go on with the one that there is."""
        key = self.told.run_name("trial", spec.index)
        self._runs[spec.index] = self._open(key, f"trial {spec.index}", "trial", spec.hyperparameters)

    def epoch(self, row: EpochRow, when: float) -> None:
        """Add an epoch's figures to the run's history, at the step of its number."""
        run = self._runs[row.trial]
        if row.epoch >= run.starting_step:  # of one gone on with online: the first that its server lacks
            run.log(measured(row), step=row.epoch)

    def end(self, row: TrialRow, when: float) -> None:
        """Close a trial's run with how it ended and how good it was."""
        run = self._runs.pop(row.spec.index)
        run.summary.update(ended(row))
        run.tags = (str(row.outcome),)
        run.finish(exit_code=int(row.outcome is Outcome.ERRORED))

    def retrained(
        self, spec: TrialSpec, pick: Pick, end: RetrainEnd, files: Sequence[Path], began: float, when: float
    ) -> None:
        """Write a retrain as a run of its own, with the model as an artifact."""
        parameters = spec.hyperparameters | {"seed": end.seed, "epochs": pick.epoch, "trial": spec.index}
        key = self.told.run_name("retrain", spec.index, pick.epoch, end.seed)
        run = self._open(key, f"retrain seed {end.seed}", "retrain", parameters)
        figures, facts = tested(end)
        run.summary.update(figures | facts)
        run.tags = (str(facts["outcome"]),)
        if files:
            artifact = _import().Artifact(f"{self._sweep}-model", type="model")
            for file in files:  # from where they lie: a copy in wandb's cache would be half a gigabyte more
                artifact.add_file(str(file), policy="immutable", skip_cache=True)
            run.log_artifact(artifact)
        run.finish(exit_code=int(not isinstance(end, Retrained)))

    def _open(self, key: str, name: str, kind: str, config: Mapping[str, Any]) -> "Run":
        """Return a run, by the id `key`.

        Offline none can be gone on with. As all of it is told again, it is written anew in place of the file before.
        """
        wandb = _import()
        offline = self._where["mode"] == "offline"
        if offline:
            for before in (self._folder / "wandb").glob(f"offline-run-*-{key}"):
                shutil.rmtree(before)
        settings = wandb.Settings(
            silent=True,
            console="off",
            finish_timeout=FINISH_SECONDS,
            x_disable_stats=True,  # of the driver's process, where nothing is trained
        )
        run: Run = wandb.init(
            **self._where,
            dir=self._folder,
            group=self._sweep,
            id=key,
            resume=None if offline else "allow",
            name=name,
            job_type=kind,
            config=dict(config),
            reinit="create_new",  # runs of several trials are open at once
            settings=settings,
        )
        return run


def _import() -> Any:
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # no telemetry
    import wandb

    return wandb
