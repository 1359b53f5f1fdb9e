"""Algorithm 2 from start to end: trials on Ray Tune, the pick, the retrain, the test, and the files that hold it all."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import TBXLoggerCallback
from rich.console import Console
from ruamel.yaml import YAML
from safetensors.numpy import save_file

from data_utils.errors import InputError
from data_utils.normalization import NORMALIZATIONS
from trainables.classifier import ClassifierTrainable
from tuning import cluster
from tuning.config import Sweep
from tuning.kept import keep_features, recipes_with_features
from tuning.plan import Plan, plan
from tuning.progress import Progress
from tuning.recorder import INDEX, Recorder
from tuning.records import Outcome, TrialRow, make_stopper
from tuning.results import aside, write_epochs, write_predictions, write_skipped, write_test, write_trials
from tuning.retrain import Diverged, Epoch, Retrained, retrain
from tuning.search import PointSearch
from tuning.selection import Pick, pick
from tuning.space import TrialSpec

SWEEP_FILE, MODEL, CARD, RAY_FOLDER = "sweep.yaml", "model.safetensors", "model.json", "ray"


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended; everything else is in its folder's tables."""

    folder: Path
    trials: list[TrialRow]
    pick: Pick | None
    """None when every trial diverged or failed before its first epoch."""
    retrained: list[Retrained | Diverged]
    """How each retrain ended, in the order of the seeds; empty without a pick, or with `retrain: null`."""

    @property
    def tested(self) -> list[Retrained]:
        """The retrains that gave a model."""
        return [end for end in self.retrained if isinstance(end, Retrained)]

    @property
    def ok(self) -> bool:
        """Whether there is a winner, and neither a trial nor a retrain failed."""
        errored = any(row.outcome is Outcome.ERRORED for row in self.trials)
        return self.pick is not None and not errored and len(self.tested) == len(self.retrained)


def run(sweep: Sweep, *, overwrite: bool = False, console: Console | None = None) -> SweepResult:
    """Run a sweep.

    Args:
        overwrite: whether a sweep's folder that is there already is replaced.
        console: where progress goes; by default nowhere.

    Raises:
        InputError: something the sweep needs is missing or does not fit; nothing has been trained.
    """
    todo = plan(sweep)
    cluster.start()
    console = console or Console(quiet=True)
    recorder = Recorder(sweep, todo.trials)
    with Progress(console, todo.trials, sweep.train.max_epochs, recorder) as progress:
        progress.stage(f"opening the images of {sweep.data.root}")
        data = todo.trials[0].recipe.data(lambda done, total: progress.count("images decoded", done, total))
        folder = claim_folder(sweep, overwrite)
        if data.skipped:
            write_skipped(folder, sweep.name, data.skipped)
        for recipe in recipes_with_features(todo.trials):
            progress.stage(f"opening the features of {recipe.arch}'s frozen part")
            for done, total in cluster.stream(keep_features, *todo.whole_machine, recipe, todo.retrain_cpus):
                progress.count("features computed", done, total)
        progress.stage(f"{len(todo.trials)} trials, {todo.at_once} at once")
        run_trials(
            ClassifierTrainable,
            [
                {
                    INDEX: spec.index,
                    "point": spec.point,
                    "recipe": asdict(spec.recipe),
                    "max_epochs": sweep.train.max_epochs,
                    "threads": sweep.resources.cpus,
                    "checkpoint_seconds": sweep.faults.checkpoint_seconds,
                }
                for spec in todo.trials
            ],
            folder=folder,
            cpus=sweep.resources.cpus,
            gpus=todo.gpus,
            max_concurrent=sweep.resources.max_concurrent,
            stopper=make_stopper(sweep.stop),
            callbacks=[recorder, progress, CheckpointDropper(), TBXLoggerCallback()],  # type: ignore[no-untyped-call]  # Ray leaves it untyped
        )
        epochs, trials = recorder.epochs, recorder.trials()
        write_epochs(folder, epochs)
        write_trials(folder, trials)
        winner = pick(trials, epochs)
        seeds = sweep.retrain.seeds if sweep.retrain else []
        retrained = [_retrain(todo, winner, seed, progress) for seed in seeds] if winner else []
    result = SweepResult(folder, trials, winner, retrained)
    if winner and result.tested:
        spec = todo.trials[winner.trial]
        write_test(folder, sweep.name, winner.trial, spec.point, result.tested)
        write_predictions(folder, sweep.name, result.tested)
        _write_model(folder, spec, result.tested[0])
    return result


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
) -> None:
    """Run trials of any trainable on Ray Tune, one a configuration; what happens reaches the callbacks.

    Args:
        folder: absolute; Ray's own files go into its `ray` folder.
        cpus, gpus: of a trial.
    """
    tune.Tuner(
        tune.with_resources(trainable, {"cpu": cpus, "gpu": gpus}),
        tune_config=tune.TuneConfig(
            search_alg=PointSearch(configs),
            num_samples=len(configs),
            max_concurrent_trials=max_concurrent,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: f"trial_{trial.config[INDEX]:05d}",
        ),
        run_config=tune.RunConfig(
            name=RAY_FOLDER,
            storage_path=str(folder),
            stop=stopper,
            callbacks=list(callbacks),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1, checkpoint_at_end=False),
        ),
    ).fit()


class CheckpointDropper(tune.Callback):
    """Drops a trial's checkpoint when it ends: it is for going on after a fault, and takes half a gigabyte."""

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Remove what is left of the trial's checkpoints."""
        if trial.path:
            for checkpoint in Path(trial.path).glob("checkpoint_*"):
                shutil.rmtree(checkpoint)


def claim_folder(sweep: Sweep, overwrite: bool = False) -> Path:
    """Make the sweep's folder with its resolved `sweep.yaml`, and return it.

    Raises:
        InputError: it is there already and not to be replaced, or is no sweep's, or cannot be made.
    """
    folder = sweep.folder
    try:
        if folder.exists():
            if not overwrite:
                raise InputError(
                    str(folder), ["is there already; give another --name, or --overwrite to replace it"]
                )
            if any(folder.iterdir()) and not (folder / SWEEP_FILE).is_file():
                raise InputError(
                    str(folder), ["holds no sweep, so --overwrite leaves it alone; give another --name"]
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        with aside(folder / SWEEP_FILE) as part, part.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(sweep.model_dump(), file)
    except OSError as error:
        raise InputError(f"storage {sweep.storage!r}", [f"cannot be written: {error}"]) from error
    return folder


def _retrain(todo: Plan, winner: Pick, seed: int, progress: Progress) -> Retrained | Diverged:
    recipe = todo.trials[winner.trial].recipe
    progress.stage(
        f"retraining trial {winner.trial} on train + validation for {winner.epoch} epochs, seed {seed}"
    )
    for event in cluster.stream(retrain, *todo.whole_machine, recipe, winner.epoch, seed, todo.retrain_cpus):
        if not isinstance(event, Epoch):
            return event
        progress.count("retrain epoch", event.epoch, winner.epoch)
    raise RuntimeError(f"the retrain of trial {winner.trial} ended without a result")


def _write_model(folder: Path, spec: TrialSpec, tested: Retrained) -> None:
    """Write the model, and beside it what it takes to use it."""
    with aside(folder / MODEL) as part:
        save_file(tested.state, part)
    recipe = spec.recipe
    card = {
        "arch": recipe.arch,
        "hidden": recipe.hidden,
        "classes": tested.classes,
        "transform": {
            "resize": recipe.resize,
            "image_size": recipe.image_size,
            **NORMALIZATIONS[recipe.transform]._asdict(),
        },
        "precision": recipe.precision,
        "hyperparameters": spec.point,
        "epochs": tested.epochs,
        "seed": tested.seed,
        "test_accuracy": tested.accuracy,
        "split_digest": tested.split_digest,
        "versions": tested.versions,
    }
    with aside(folder / CARD) as part:
        part.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
