"""The winner's retrains on the cluster, one a seed, and the files they leave."""

import errno
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ray.exceptions import RayError
from safetensors.numpy import save_file

from data_utils.errors import InputError
from data_utils.file_access import remove, write_bytes
from data_utils.normalization import NORMALIZATIONS
from trainables.alike import UnlikeMachineError
from trainables.model_card import CARD, MODEL, digest
from tuning import cluster
from tuning.disk_full import says_disk_full
from tuning.failures import reason
from tuning.files import aside
from tuning.interrupts import Interrupts
from tuning.neighbours import Neighbour
from tuning.nodes import Node, largest, nodes, with_room
from tuning.plan import Plan
from tuning.progress import Progress
from tuning.ray_inside import free_resources
from tuning.results import write_predictions, write_test
from tuning.retrain import Failed, Paused, Retrained, RetrainEnd, retrain, stop_file
from tuning.retrains import Retrains
from tuning.selection import Pick
from tuning.space import TrialSpec
from tuning.track import Tracking
from tuning.wording import counted

SECONDS_FOR_ROOM = 30.0
"""For which a retrain looks for a machine with room, before it waits for one of them."""


def retrain_all(
    todo: Plan,
    folder: Path,
    winner: Pick,
    progress: Progress,
    tracking: Tracking,
    interrupts: Interrupts,
    ours: Neighbour,
) -> list[RetrainEnd]:
    """Retrain the winner with each seed that was not done before, and write what there is after each.

    Args:
        ours: told while a retrain waits for a machine.

    Raises:
        KeyboardInterrupt: an interrupt was requested, and the retrain under way has kept its state.
    """
    ends: list[RetrainEnd] = []
    unlike: set[str] = set()
    kept = Retrains(folder, winner.trial, winner.epoch, todo.sweep.place)
    kept.drop_others()
    for seed in todo.sweep.retrain_seeds:
        if interrupts.requested:  # and the retrain before was in its last epoch
            raise KeyboardInterrupt
        before, began = kept.read(seed), time.time()
        try:
            ends.append(before or _retrain(todo, winner, seed, kept, unlike, progress, interrupts, ours))
        finally:
            ours.waits = False
        files = _write_retrained(folder, todo, winner, ends, kept)
        tracking.retrained(todo.trials[winner.trial], winner, ends[-1], files, began)
    return ends


def _retrain(
    todo: Plan,
    winner: Pick,
    seed: int,
    kept: Retrains,
    unlike: set[str],
    progress: Progress,
    interrupts: Interrupts,
    ours: Neighbour,
) -> RetrainEnd:
    """Retrain with one seed, again from its kept state if it fails; what goes wrong is an end like others, since the trials' rows and other seeds stand.

    Args:
        unlike: ids of the nodes that were found to differ from the driver's, to which others are added.
    """
    recipe = todo.trials[winner.trial].recipe
    progress.stage(
        f"retraining trial {winner.trial} on train + validation for {counted(winner.epoch, 'epoch')}, seed {seed}"
    )
    period, most = todo.sweep.faults.checkpoint_seconds, todo.sweep.faults.max_failures
    state, failures = kept.state(seed), 0
    stop, alike = stop_file(state), asdict(todo.alike) if todo.alike else None
    remove(stop)  # of an interrupt before
    while True:
        ours.waits = True
        where = _where(todo, unlike, progress)
        try:
            with interrupts.heeded(
                "the retrain ends its epoch and keeps its state", lambda: write_bytes(stop, b"")
            ):
                for event in cluster.stream(
                    retrain,
                    where,
                    todo.cpus,
                    todo.gpus,
                    recipe,
                    winner.epoch,
                    seed,
                    todo.device,
                    where.cpus,
                    state,
                    period,
                    alike,
                    todo.gpus,
                ):
                    ours.waits = False
                    if isinstance(event, Paused):
                        raise KeyboardInterrupt
                    if not isinstance(event, int):
                        return event
                    if event:
                        progress.count("retrain epoch", event, winner.epoch)
            return Failed(seed, "its task ended without a result")
        except UnlikeMachineError as error:
            unlike.add(where.id)
            progress.warn(f"no retrain on {error}")
        except InputError as error:  # which no retry cures
            return Failed(seed, last_line(error))
        except RayError as error:
            said, failures = reason(str(error)), failures + 1
            if says_disk_full(str(error)):
                raise OSError(errno.ENOSPC, said) from error
            if failures > most:
                return Failed(seed, said)
            tries = f"retry {failures} of at most {most}"
            progress.warn(f"the retrain with seed {seed} failed and is tried again ({tries}): {said}")


def _where(todo: Plan, unlike: set[str], progress: Progress) -> Node:
    """Return the node to retrain on, as the cluster is now; it may have lost all that fit since the trials, so wait for one.

    It is one of the largest, whose cores decide the last bits of the result; on a cluster one that has room, if any has soon.
    """
    told, deadline = False, time.monotonic() + SECONDS_FOR_ROOM
    while True:
        like = [node for node in nodes() if node.id not in unlike and node.fits(todo.cpus, todo.gpus)]
        if found := largest(like):
            if not cluster.is_shared():
                return found[0]
            if free := with_room(found, todo.cpus, todo.gpus, free_resources()):
                return free[0]
            if time.monotonic() > deadline:  # to wait in its queue
                return found[0]
        elif not told:
            demand = f"{counted(todo.cpus, 'CPU')} and {todo.gpus:g} GPUs"
            but = ", but those that differ" if unlike else ""
            progress.warn(f"no machine of the cluster{but} has {demand} now; the retrain waits for one")
            told = True
        time.sleep(0.5)


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


def last_line(error: Exception) -> str:
    """Return what was raised in the end; Ray puts the worker's whole traceback before it."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
