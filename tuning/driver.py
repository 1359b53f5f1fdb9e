"""Algorithm 2 from start to end: trials on Ray Tune, the pick, the retrain, the test, and the files that hold it all."""

import json
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from trainables.model_card import CARD, MODEL, digest
from tuning import cluster
from tuning.ahead import compute_ahead, recipes_ahead
from tuning.config import Sweep
from tuning.ending import Ending, write_ending
from tuning.frames import RAY_FOLDER
from tuning.journal import FOLDER as JOURNAL
from tuning.journal import Journal, checkpoints, restore
from tuning.live_tables import LiveTables
from tuning.pinned import check_settings, keep_settings
from tuning.plan import Plan, plan
from tuning.progress import Progress
from tuning.recorder import INDEX, Recorder
from tuning.records import Outcome, TrialRow, make_stopper
from tuning.results import aside, write_epochs, write_predictions, write_skipped, write_test, write_trials
from tuning.retrain import Failed, Retrained, RetrainEnd, retrain
from tuning.retrains import Retrains
from tuning.search import PointSearch
from tuning.selection import Pick, pick
from tuning.sharing import Inheritance, Sharing, forks
from tuning.space import TrialSpec
from tuning.sweep_file import SWEEP_FILE
from tuning.track import Tracking, tensorboard, trackers
from tuning.wording import counted

logger = logging.getLogger(__name__)


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
    def failed(self) -> bool:
        """Whether a trial or a retrain failed, which may be tried again."""
        errored = any(row.outcome is Outcome.ERRORED for row in self.trials)
        return errored or any(isinstance(end, Failed) for end in self.retrained)

    @property
    def ok(self) -> bool:
        """Whether there is a winner, and neither a trial nor a retrain failed or diverged."""
        return self.pick is not None and not self.failed and len(self.tested) == len(self.retrained)


def run(
    sweep: Sweep, *, overwrite: bool = False, resume: bool = False, console: Console | None = None
) -> SweepResult:
    """Run a sweep.

    Args:
        overwrite: whether a sweep's folder that is there already is replaced.
        resume: whether to go on with one that is there and has not ended well: trials that have ended are not run
            again, nor are epochs before a checkpoint, and the result is that of a run without a break.
        console: where progress goes; by default nowhere.

    Raises:
        InputError: something the sweep needs is missing or does not fit; nothing has been trained.
    """
    todo = plan(sweep, overwrite=overwrite or resume)  # before Ray, which takes seconds to start
    recorder, own = Recorder(sweep, todo.trials), dict[int, Inheritance]()
    if resume:
        check_settings(sweep.folder, todo.settings, todo.split_digest)
        restore(sweep.folder, todo.trials, recorder)
        own = checkpoints(sweep.folder, [t for t in todo.trials if not recorder.has_ended(t.index)])
    cluster.start()
    todo = plan(sweep, overwrite=overwrite or resume)  # again, by what the cluster really has
    with Progress(console or Console(quiet=True), todo.trials, sweep.train.max_epochs, recorder) as progress:
        folder = _prepare(todo, progress, overwrite, resume)
        with Tracking(trackers(sweep, folder), todo.trials, recorder, progress.warn) as tracking:
            _run_left(todo, folder, recorder, own, [progress, tracking], progress)
            epochs, trials = recorder.epochs, recorder.trials()
            write_epochs(folder, epochs)
            write_trials(folder, trials)
            winner = pick(trials, epochs) if recorder.all_ended else None
            retrained = _retrain_all(todo, folder, winner, progress, tracking) if winner else []
        result = SweepResult(folder, trials, winner, retrained, not recorder.all_ended, tracking.missing)
        if not result.interrupted:
            write_ending(folder, _ending(todo, result))
        try_report(folder, progress.stage)
    if not result.interrupted and not result.failed:
        shutil.rmtree(folder / JOURNAL)
    return result


def _run_left(
    todo: Plan,
    folder: Path,
    recorder: Recorder,
    own: dict[int, Inheritance],
    watching: list[tune.Callback],
    progress: Progress,
) -> None:
    """Run the trials that have not ended before."""
    sweep, most = todo.sweep, todo.sweep.train.max_epochs
    left = [spec for spec in todo.trials if not recorder.has_ended(spec.index)]
    before = len(todo.trials) - len(left)
    said = f", {before} ended before" if before else ""
    progress.stage(f"{counted(len(left), 'trial')}, {todo.at_once} at once{said}")
    sharing = Sharing(forks(todo.trials, most), recorder, sweep.stop, most, folder, own)
    keeping = [
        Journal(folder, recorder),
        LiveTables(folder, recorder, progress.warn),
        CheckpointDropper(folder),
    ]
    run_trials(
        ClassifierTrainable,
        [_trial_config(spec, todo) | {"states": sharing.states(spec.index)} for spec in left],
        folder=folder,
        cpus=todo.cpus,
        gpus=todo.gpus,
        max_concurrent=sweep.resources.max_concurrent,
        stopper=make_stopper(sweep.stop),
        callbacks=[recorder, *keeping, *tensorboard(sweep), *watching],
        sharing=sharing,
    )
    if recorder.all_ended:
        sharing.drop()


def _retrain_all(
    todo: Plan, folder: Path, winner: Pick, progress: Progress, tracking: Tracking
) -> list[RetrainEnd]:
    """Retrain the winner with each seed that was not done before, and write what there is after each."""
    ends: list[RetrainEnd] = []
    kept = Retrains(folder, winner.trial, winner.epoch)
    kept.drop_others()
    for seed in todo.sweep.retrain.seeds if todo.sweep.retrain else []:
        before, began = kept.read(seed), time.time()
        ends.append(before or _retrain(todo, winner, seed, kept, progress))
        files = _write_retrained(folder, todo, winner, ends, kept)
        tracking.retrained(todo.trials[winner.trial], winner, ends[-1], files, began)
    return ends


def _ending(todo: Plan, result: SweepResult) -> Ending:
    best = result.pick
    return Ending(
        ok=result.ok,
        winner=best.trial if best else None,
        epochs=best.epoch if best else None,
        train_images=todo.train,
        val_images=todo.val,
        test_images=todo.test,
    )


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
) -> None:
    """Run trials of any trainable on Ray Tune, one a configuration; what happens reaches the callbacks.

    Args:
        folder: absolute; Ray's own files go into its `ray` folder.
        cpus, gpus: of a trial.
        sharing: of the trials that need not compute their first epochs; by default all do.
    """
    if not configs:
        return
    name, storage = _attempt(folder)
    tuner = tune.Tuner(
        tune.with_resources(trainable, {"cpu": cpus, "gpu": gpus}),
        tune_config=tune.TuneConfig(
            search_alg=PointSearch(configs, sharing),
            num_samples=len(configs),
            max_concurrent_trials=max_concurrent,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: f"trial_{trial.config[INDEX]:05d}",
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=str(storage),
            stop=stopper,
            callbacks=list(callbacks),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1, checkpoint_at_end=False),
        ),
    )
    with _own_interrupts():
        tuner.fit()


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Give Ctrl-C back its meaning afterwards: Ray Tune leaves its own handler, which a retrain would never hear of."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


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
        name = f"trial_{trial.config[INDEX]:05d}"
        for checkpoint in self._folder.glob(f"{RAY_FOLDER}/**/{name}/checkpoint_*"):
            shutil.rmtree(checkpoint)


def claim_folder(todo: Plan, overwrite: bool = False) -> Path:
    """Make the sweep's folder with its resolved `sweep.yaml`, and return it.

    Raises:
        InputError: it is there already, or cannot be made.
    """
    sweep = todo.sweep
    folder = sweep.folder
    try:
        if overwrite and (folder / SWEEP_FILE).is_file():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(folder)
        with aside(folder / SWEEP_FILE) as part, part.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(todo.settings, file)
    except FileExistsError as error:
        raise InputError(
            str(folder), ["is there already; give another --name, or --overwrite to replace it"]
        ) from error
    except OSError as error:
        problem = f"cannot be written ({error}); name another with --storage DIR"
        raise InputError(f"storage {sweep.storage!r}", [problem]) from error
    return folder


def _prepare(todo: Plan, progress: Progress, overwrite: bool, resume: bool) -> Path:
    """Decode and compute what is not kept yet, then make the folder, unless it is gone on with, and return it."""
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
    if resume:
        return todo.sweep.folder
    folder = claim_folder(todo, overwrite)
    keep_settings(folder, todo.settings, todo.split_digest)
    if data.skipped:
        write_skipped(folder, todo.sweep.name, data.skipped)
    return folder


def _trial_config(spec: TrialSpec, todo: Plan) -> dict[str, Any]:
    return {
        INDEX: spec.index,
        "point": spec.point,
        "recipe": asdict(spec.recipe),
        "device": todo.device,
        "threads": todo.cpus,
        "max_epochs": todo.sweep.train.max_epochs,
        "checkpoint_seconds": todo.sweep.faults.checkpoint_seconds,
    }


def _retrain(todo: Plan, winner: Pick, seed: int, kept: Retrains, progress: Progress) -> RetrainEnd:
    """Retrain with one seed; what goes wrong is an end like others, since the trials' rows and other seeds stand."""
    recipe = todo.trials[winner.trial].recipe
    progress.stage(
        f"retraining trial {winner.trial} on train + validation for {counted(winner.epoch, 'epoch')}, seed {seed}"
    )
    where, period = todo.whole_machine, todo.sweep.faults.checkpoint_seconds
    try:
        for event in cluster.stream(
            retrain, where, recipe, winner.epoch, seed, todo.device, where.cpus, kept.state(seed), period
        ):
            if not isinstance(event, int):
                return event
            progress.count("retrain epoch", event, winner.epoch)
    except (RayError, InputError) as error:
        return Failed(seed, _last_line(error))
    return Failed(seed, "its task ended without a result")


def try_report(folder: Path, say: Callable[[str], None]) -> None:
    """Write the report; one that fails is told of, and no more, since it can be written any time from the tables."""
    from tuning.report import write_report  # after the trials: what plots takes a second to import

    say("writing the report")
    try:
        write_report(folder)
    except Exception as error:  # whatever it is, the sweep has been run and its rows are written
        logger.warning("why there is no report", exc_info=True)
        say(f"no report: {error}; the tables are whole, and `upsweep report {folder}` tries again")


def _last_line(error: Exception) -> str:
    """Return what was raised in the end; Ray puts the worker's whole traceback before it."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)


def _write_retrained(
    folder: Path, todo: Plan, winner: Pick, ends: Sequence[RetrainEnd], kept: Retrains
) -> list[Path]:
    """Write the test tables of the retrains so far, and the first one's model, whose files are returned once."""
    tested = [end for end in ends if isinstance(end, Retrained)]
    files: list[Path] = []
    if tested and tested[-1] is ends[-1]:
        spec = todo.trials[winner.trial]
        write_test(folder, todo.sweep.name, spec, tested)
        write_predictions(folder, todo.sweep.name, tested)
        if len(tested) == 1:
            if tested[0].state:
                _write_model(folder, spec, tested[0])
            files = [folder / MODEL, folder / CARD]
        kept.keep(tested[-1])
    return files


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
        "precision": tested.precision,
        "digest": digest(folder / MODEL),
        "hyperparameters": spec.point,
        "epochs": tested.epochs,
        "seed": tested.seed,
        "test_accuracy": tested.accuracy,
        "split_digest": tested.split_digest,
        "versions": tested.versions,
    }
    with aside(folder / CARD) as part:
        part.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
