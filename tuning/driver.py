"""Algorithm 2 from start to end: trials on Ray Tune, the pick, the retrain, the test, and the files that hold it all."""

import logging
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ray import tune
from ray.exceptions import RayError
from rich.console import Console
from ruamel.yaml import YAML

from data_utils.errors import InputError
from data_utils.file_access import exists
from data_utils.folder import by_extension
from data_utils.places import is_s3, shown, under
from data_utils.splits import Splits
from trainables.alike import versions
from trainables.classifier import ClassifierTrainable
from tuning import cluster
from tuning.ahead import compute_ahead, shared_ahead
from tuning.broken_off import saying_how_to_go_on
from tuning.config import Sweep
from tuning.ending import ENDING, Ending, write_ending
from tuning.files import aside, drop, drop_parts
from tuning.frames import RAY_FOLDER
from tuning.interrupts import Interrupts
from tuning.journal import Journal, checkpoint_patterns, checkpoints, drop_journal, restore
from tuning.kept_ahead import is_kept
from tuning.live_tables import LiveTables, epochs_before
from tuning.neighbours import Neighbour, neighbour
from tuning.nodes import nodes
from tuning.pinned import check_settings, keep_settings, nothing_was_run
from tuning.plan import Plan, in_the_way, plan
from tuning.progress import Progress
from tuning.recorder import INDEX, Recorder
from tuning.records import Outcome, TrialRow, make_stopper
from tuning.results import write_epochs, write_skipped, write_trials
from tuning.retrain import Failed, Retrained, RetrainEnd
from tuning.retraining import last_line, retrain_all
from tuning.retries import Retries
from tuning.run_lock import hold
from tuning.selection import Pick, pick
from tuning.sharing import FOLDER as SHARED
from tuning.sharing import Inheritance, Sharing, forks
from tuning.space import TrialSpec
from tuning.storage import stored
from tuning.sweep_file import SWEEP_FILE
from tuning.track import Tracking, tensorboard, trackers
from tuning.trials import CheckpointDropper, run_trials
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
    place: str | None = None
    """Where everything is kept, as a user would give it, if that is not the folder."""

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
    sweep: Sweep,
    *,
    overwrite: bool = False,
    resume: bool = False,
    console: Console | None = None,
    address: str | None = None,
) -> SweepResult:
    """Run a sweep.

    Args:
        overwrite: whether a sweep's folder that is there already is replaced.
        resume: whether to go on with one that is there and has not ended well: trials that have ended are not run
            again, nor are epochs before a checkpoint, and the result is that of a run without a break.
        console: where progress goes; by default nowhere.
        address: of the cluster that trials run on; by default they run on this machine. See `cluster.start`.

    Raises:
        InputError: something the sweep needs is missing or does not fit, or another process runs it, and nothing has been
            trained; or a storage at S3 has not got everything in the end.
        KeyboardInterrupt: by Ctrl-C or SIGTERM, unless trials ran, which end by themselves at the first; with how to
            go on if the folder is there.
    """
    console = console or Console(quiet=True)
    if address is not None:  # what the trials need is there, not here
        cluster.start(address)
    with stored(sweep, resume=resume, warn=lambda text: console.print(text, style="yellow", soft_wrap=True)):
        todo = plan(sweep, overwrite=overwrite or resume)  # before Ray, which takes seconds to start
        with hold(sweep.folder):
            return _run(todo, overwrite, resume, console)


def _run(todo: Plan, overwrite: bool, resume: bool, console: Console) -> SweepResult:
    """Run a sweep whose folder is held."""
    sweep = todo.sweep
    recorder, own = Recorder(sweep, todo.trials), dict[int, Inheritance]()
    if resume:
        if nothing_was_run(sweep.folder):
            keep_settings(sweep.folder, todo.pinned, todo.split_digest)
        check_settings(sweep.folder, todo.pinned, todo.split_digest)
        drop_parts(sweep.folder)
        restore(sweep.folder, todo.trials, recorder)
        recorder.remember(epochs_before(sweep.folder))
        own = checkpoints(
            sweep.folder, [t for t in todo.trials if not recorder.has_ended(t.index)], sweep.place
        )
    if not cluster.is_started():
        console.print("starting Ray, which takes some seconds", highlight=False)
    cluster.start()
    todo = plan(sweep, overwrite=overwrite or resume)  # again, by what the cluster really has
    with (
        Progress(console, todo.trials, sweep.train.max_epochs, recorder) as progress,
        Interrupts(progress.warn) as interrupts,
        neighbour(todo.cpus, todo.gpus, cluster.is_shared()) as ours,
    ):
        folder, splits = _prepare(todo, progress, ours, overwrite, resume)
        if resume:
            drop(folder, ENDING)  # of an end with failures, which is none any more
        with saying_how_to_go_on(folder):
            with Tracking(trackers(sweep, folder), todo.trials, recorder, progress.warn) as tracking:
                _run_left(todo, folder, recorder, own, [progress, tracking], progress, interrupts, ours)
                ours.wants = 1  # for the retrain, which asks for as much as a trial
                epochs, trials = recorder.epochs, recorder.trials()
                write_epochs(folder, epochs)
                write_trials(folder, trials)
                interrupted = interrupts.requested or not recorder.all_ended
                winner = None if interrupted else pick(trials, epochs)
                retrained = (
                    retrain_all(todo, folder, winner, progress, tracking, interrupts, ours) if winner else []
                )
            place = shown(sweep.place) if is_s3(sweep.storage) else None
            result = SweepResult(folder, trials, winner, retrained, interrupted, tracking.missing, place)
            if not result.interrupted:
                write_ending(folder, _ending(result, splits))
            try_report(folder, progress.stage, place)
    if not result.interrupted and not result.failed:
        if resume:  # a kill may have come between a trial's end and that of its checkpoints
            for pattern in checkpoint_patterns():
                drop(folder, pattern)
        drop_journal(folder)
    return result


def _run_left(
    todo: Plan,
    folder: Path,
    recorder: Recorder,
    own: dict[int, Inheritance],
    watching: list[tune.Callback],
    progress: Progress,
    interrupts: Interrupts,
    ours: Neighbour,
) -> None:
    """Run the trials that have not ended before."""
    sweep, most = todo.sweep, todo.sweep.train.max_epochs
    left = [spec for spec in todo.trials if not recorder.has_ended(spec.index)]
    before = len(todo.trials) - len(left)
    said = f", {before} ended before" if before else ""
    progress.stage(f"{counted(len(left), 'trial')}, {todo.at_once} at once{said}")
    sharing = Sharing(forks(todo.trials, most), recorder, sweep.stop, most, sweep.place, own)
    keeping = [
        Journal(folder, recorder, interrupts),
        LiveTables(folder, recorder, progress.warn),
        CheckpointDropper(folder, interrupts, again=exists(under(sweep.place, RAY_FOLDER))),
        Retries(progress.warn, interrupts),
    ]
    run_trials(
        ClassifierTrainable,
        [_trial_config(spec, todo) | {"states": sharing.states(spec.index)} for spec in left],
        folder=sweep.place,
        cpus=todo.cpus,
        gpus=todo.gpus,
        max_concurrent=sweep.resources.max_concurrent,
        stopper=make_stopper(sweep.stop),
        callbacks=[recorder, *keeping, *tensorboard(sweep), *watching],
        sharing=sharing,
        max_failures=sweep.faults.max_failures,
        interrupts=interrupts,
        neighbour=ours,
    )
    if recorder.all_ended and not recorder.any_failed:  # of which a resume may want them
        drop(folder, SHARED)


def _ending(result: SweepResult, splits: Splits) -> Ending:
    best = result.pick
    return Ending(
        ok=result.ok,
        winner=best.trial if best else None,
        epochs=best.epoch if best else None,
        train_images=len(splits.train),
        val_images=len(splits.val),
        test_images=len(splits.test),
        split_digest=splits.digest,
        versions=versions(),
    )


def claim_folder(todo: Plan, overwrite: bool = False) -> Path:
    """Make the sweep's folder with its resolved `sweep.yaml`, and return it.

    Raises:
        InputError: it is there already, or cannot be made.
    """
    sweep = todo.sweep
    folder = sweep.folder
    try:
        if overwrite and (folder / SWEEP_FILE).is_file():
            drop(folder, "*")
        folder.mkdir(parents=True, exist_ok=True)
        drop_parts(folder)  # of a run that was killed before it had written anything
        if any(folder.iterdir()):
            raise FileExistsError(folder)
        with aside(folder / SWEEP_FILE) as part, part.open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(todo.settings, file)
    except FileExistsError as error:
        raise InputError("name", [in_the_way(str(folder))]) from error
    except OSError as error:
        problem = f"cannot be written ({error}); name another with --storage DIR"
        raise InputError(f"storage {sweep.storage!r}", [problem]) from error
    return folder


def _prepare(
    todo: Plan, progress: Progress, ours: Neighbour, overwrite: bool, resume: bool
) -> tuple[Path, Splits]:
    """Decode and compute what is not kept yet, then make the folder, unless it is gone on with.

    Args:
        ours: claims as many trials as nodes compute.

    Returns:
        the folder, and the splits of the images that could be decoded.
    """
    progress.stage(f"opening the images of {todo.sweep.data.root}")
    data = todo.trials[0].recipe.data(lambda done, total: progress.count("images decoded", done, total))
    if unused := todo.images.passed_over:
        progress.stage(f"not used, by their extensions: {by_extension(unused)}")
    if todo.fresh:
        progress.stage(
            f"initialised, as the weight file does not hold them in this size: {', '.join(todo.fresh)}"
        )
    # Of a cluster's machines each keeps its own, which this one's marks know nothing of.
    alone = not (cluster.is_shared() or cluster.on_cluster())
    for shared in shared_ahead(todo.trials, todo.sweep.retrain_seeds):
        if alone and is_kept(shared.recipe, shared.split, data, todo.device):
            continue
        who = f"{shared.recipe.arch}'s {'trials' if shared.split == 'train' else 'retrains'}"
        progress.stage(f"opening what {who} share")
        try:
            where = [node for node in nodes() if node.fits(todo.cpus, todo.gpus)]
            ours.wants, ours.waits = len(where), True
            # On every node, since each keeps what it computes; one that does not come to it in time has its trials compute it.
            calls = [(node, (shared, todo.device, node.cpus, todo.gpus)) for node in where]
            for done, total in cluster.on_first(compute_ahead, calls, todo.cpus, todo.gpus):
                ours.waits = False
                if total:
                    progress.count("images computed ahead", done, total)
        except RayError as error:
            problem = f"cannot be computed: {last_line(error)}; lower data.image_size or free memory and disk"
            raise InputError(f"what {who} share", [problem]) from error
    ours.wants, ours.waits = 1, False
    folder = todo.sweep.folder if resume else claim_folder(todo, overwrite)
    with saying_how_to_go_on(folder):
        if not resume:
            keep_settings(folder, todo.pinned, todo.split_digest)
        if data.skipped:
            write_skipped(folder, todo.sweep.name, data.skipped)
    return folder, data.splits


def _trial_config(spec: TrialSpec, todo: Plan) -> dict[str, Any]:
    return {
        INDEX: spec.index,
        "point": spec.point,
        "recipe": asdict(spec.recipe),
        "device": todo.device,
        "threads": todo.cpus,
        "gpus": todo.gpus,
        "max_epochs": todo.sweep.train.max_epochs,
        "checkpoint_seconds": todo.sweep.faults.checkpoint_seconds,
        "alike": asdict(todo.alike) if todo.alike else None,
    }


def try_report(folder: Path, say: Callable[[str], None], place: str | None = None) -> None:
    """Write the report; one that fails is told of, and no more, since it can be written any time from the tables.

    Args:
        place: of the folder's files, as a user would give it, if that is not the folder.
    """
    from tuning.report import write_report  # after the trials: what plots takes a second to import

    say("writing the report")
    try:
        write_report(folder)
    except Exception as error:  # whatever it is, the sweep has been run and its rows are written
        logger.warning("why there is no report", exc_info=True)
        again = shlex.join(["upsweep", "report", place or str(folder)])
        say(f"no report: {error}; the tables are whole, and `{again}` tries again")
