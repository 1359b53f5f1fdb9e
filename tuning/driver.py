"""Algorithm 2 from start to end: trials on Ray Tune, the pick, the retrain, the test, and the files that hold it all."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ray import tune
from ray.exceptions import RayError
from ray.tune.experiment import Trial
from rich.console import Console
from ruamel.yaml import YAML
from safetensors.numpy import save_file

from data_utils.errors import InputError
from data_utils.normalization import NORMALIZATIONS
from trainables.classifier import ClassifierTrainable
from tuning import cluster
from tuning.ahead import compute_ahead, recipes_ahead
from tuning.config import Sweep
from tuning.plan import SWEEP_FILE, Plan, plan
from tuning.progress import Progress
from tuning.recorder import INDEX, Recorder
from tuning.records import Outcome, TrialRow, make_stopper
from tuning.results import aside, write_epochs, write_predictions, write_skipped, write_test, write_trials
from tuning.retrain import Failed, Retrained, RetrainEnd, retrain
from tuning.search import PointSearch
from tuning.selection import Pick, pick
from tuning.space import TrialSpec
from tuning.track import Tracking, tensorboard, trackers
from tuning.wording import counted

MODEL, CARD, RAY_FOLDER = "model.safetensors", "model.json", "ray"


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended; everything else is in its folder's tables."""

    folder: Path
    trials: list[TrialRow]
    pick: Pick | None
    """None when every trial diverged or failed before its first epoch, or the sweep was interrupted."""
    retrained: list[RetrainEnd]
    """How each retrain ended, in the order of the seeds; empty without a pick, or with `retrain: null`."""
    interrupted: bool = False
    """Whether the trials were stopped from outside before their ends."""
    warnings: list[str] = field(default_factory=list)
    """What did not reach a tracker; nothing of the tables is missing."""

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
    plan(sweep, overwrite=overwrite)  # before Ray, which takes seconds to start
    cluster.start()
    todo = plan(sweep, overwrite=overwrite)  # again, by what the cluster really has
    recorder = Recorder(sweep, todo.trials)
    with Progress(console or Console(quiet=True), todo.trials, sweep.train.max_epochs, recorder) as progress:
        folder = _prepare(todo, progress, overwrite)
        with Tracking(trackers(sweep, folder), todo.trials, recorder, progress.warn) as tracking:
            progress.stage(f"{counted(len(todo.trials), 'trial')}, {todo.at_once} at once")
            run_trials(
                ClassifierTrainable,
                [_trial_config(spec, todo) for spec in todo.trials],
                folder=folder,
                cpus=sweep.resources.cpus,
                gpus=todo.gpus,
                max_concurrent=sweep.resources.max_concurrent,
                stopper=make_stopper(sweep.stop),
                callbacks=[recorder, progress, CheckpointDropper(), *tensorboard(sweep), tracking],
            )
            epochs, trials = recorder.epochs, recorder.trials()
            write_epochs(folder, epochs)
            write_trials(folder, trials)
            interrupted = not recorder.all_ended
            winner = None if interrupted else pick(trials, epochs)
            retrained: list[RetrainEnd] = []
            if winner and sweep.retrain:
                for seed in sweep.retrain.seeds:
                    began = time.time()
                    retrained.append(_retrain(todo, winner, seed, progress))
                    files = _write_retrained(
                        folder, todo, winner, retrained
                    )  # each time: a later failure loses none
                    tracking.retrained(todo.trials[winner.trial], winner, retrained[-1], files, began)
    return SweepResult(folder, trials, winner, retrained, interrupted, tracking.missing)


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
        self._drop(trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        """Remove them after a failure for good, too."""
        self._drop(trial)

    def _drop(self, trial: Trial) -> None:
        for checkpoint in Path(trial.path).glob("checkpoint_*") if trial.path else []:
            shutil.rmtree(checkpoint)


def claim_folder(todo: Plan, overwrite: bool = False) -> Path:
    """Make the sweep's folder with its resolved `sweep.yaml`, and return it.

    Raises:
        InputError: it is there already, or cannot be made.
    """
    sweep, recipe = todo.sweep, todo.trials[0].recipe
    folder = sweep.folder
    settings = sweep.model_dump()
    settings["storage"] = str(folder.parent)
    settings["data"] |= {"root": recipe.root, "transform": recipe.transform}
    settings["model"]["weights"] = recipe.weights
    settings["resources"]["gpus"] = todo.gpus
    try:
        if overwrite and (folder / SWEEP_FILE).is_file():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(folder)
        with aside(folder / SWEEP_FILE) as part, part.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(settings, file)
    except FileExistsError as error:
        raise InputError(
            str(folder), ["is there already; give another --name, or --overwrite to replace it"]
        ) from error
    except OSError as error:
        problem = f"cannot be written ({error}); name another with --storage DIR"
        raise InputError(f"storage {sweep.storage!r}", [problem]) from error
    return folder


def _prepare(todo: Plan, progress: Progress, overwrite: bool) -> Path:
    """Decode and compute what is not kept yet, then make the folder and return it."""
    progress.stage(f"opening the images of {todo.sweep.data.root}")
    data = todo.trials[0].recipe.data(lambda done, total: progress.count("images decoded", done, total))
    if todo.fresh:
        progress.stage(f"initialised, as the weight file does not hold them: {', '.join(todo.fresh)}")
    for recipe in recipes_ahead(todo.trials):
        progress.stage(f"opening what {recipe.arch}'s trials share")
        cores = todo.whole_machine.cpus
        try:
            for done, total in cluster.stream(compute_ahead, todo.whole_machine, recipe, todo.device, cores):
                progress.count("images computed ahead", done, total)
        except RayError as error:
            problem = (
                f"cannot be computed: {_last_line(error)}; lower data.eval_batch_size or free memory and disk"
            )
            raise InputError(f"what {recipe.arch}'s trials share", [problem]) from error
    folder = claim_folder(todo, overwrite)
    if data.skipped:
        write_skipped(folder, todo.sweep.name, data.skipped)
    return folder


def _trial_config(spec: TrialSpec, todo: Plan) -> dict[str, Any]:
    return {
        INDEX: spec.index,
        "point": spec.point,
        "recipe": asdict(spec.recipe),
        "device": todo.device,
        "threads": todo.sweep.resources.cpus,
        "max_epochs": todo.sweep.train.max_epochs,
        "checkpoint_seconds": todo.sweep.faults.checkpoint_seconds,
    }


def _retrain(todo: Plan, winner: Pick, seed: int, progress: Progress) -> RetrainEnd:
    """Retrain with one seed; what goes wrong is an end like others, since the trials' rows and other seeds stand."""
    recipe = todo.trials[winner.trial].recipe
    progress.stage(
        f"retraining trial {winner.trial} on train + validation for {counted(winner.epoch, 'epoch')}, seed {seed}"
    )
    where = todo.whole_machine
    try:
        for event in cluster.stream(retrain, where, recipe, winner.epoch, seed, todo.device, where.cpus):
            if not isinstance(event, int):
                return event
            progress.count("retrain epoch", event, winner.epoch)
    except (RayError, InputError) as error:
        return Failed(seed, _last_line(error))
    return Failed(seed, "its task ended without a result")


def _last_line(error: Exception) -> str:
    """Return what was raised in the end; Ray puts the worker's whole traceback before it."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


def _write_retrained(folder: Path, todo: Plan, winner: Pick, ends: Sequence[RetrainEnd]) -> list[Path]:
    """Write the test tables of the retrains so far, and the first one's model, whose files are returned once."""
    tested = [end for end in ends if isinstance(end, Retrained)]
    if tested:
        spec = todo.trials[winner.trial]
        write_test(folder, todo.sweep.name, spec, tested)
        write_predictions(folder, todo.sweep.name, tested)
        if not (folder / MODEL).exists():
            _write_model(folder, spec, tested[0])
            return [folder / MODEL, folder / CARD]
    return []


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
