"""The winner's retrains on the cluster, one a seed, and the files they leave."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from ray.exceptions import RayError
from safetensors.numpy import save_file

from data_utils.errors import InputError
from data_utils.normalization import NORMALIZATIONS
from trainables.model_card import CARD, MODEL, digest
from tuning import cluster
from tuning.files import aside
from tuning.plan import Plan
from tuning.progress import Progress
from tuning.results import write_predictions, write_test
from tuning.retrain import Failed, Retrained, RetrainEnd, retrain
from tuning.retrains import Retrains
from tuning.selection import Pick
from tuning.space import TrialSpec
from tuning.track import Tracking
from tuning.wording import counted


def retrain_all(
    todo: Plan, folder: Path, winner: Pick, progress: Progress, tracking: Tracking
) -> list[RetrainEnd]:
    """Retrain the winner with each seed that was not done before, and write what there is after each."""
    ends: list[RetrainEnd] = []
    kept = Retrains(folder, winner.trial, winner.epoch, todo.sweep.place)
    for seed in todo.sweep.retrain.seeds if todo.sweep.retrain else []:
        before, began = kept.read(seed), time.time()
        ends.append(before or _retrain(todo, winner, seed, kept, progress))
        files = _write_retrained(folder, todo, winner, ends, kept)
        if before is None:
            tracking.retrained(todo.trials[winner.trial], winner, ends[-1], files, began)
    return ends


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
        return Failed(seed, last_line(error))
    return Failed(seed, "its task ended without a result")


def _write_retrained(
    folder: Path, todo: Plan, winner: Pick, ends: Sequence[RetrainEnd], kept: Retrains
) -> list[Path]:
    """Write the test tables of the retrains so far, and the first one's model, whose files are returned once."""
    tested = [end for end in ends if isinstance(end, Retrained)]
    files: list[Path] = []
    if tested:
        spec = todo.trials[winner.trial]
        write_test(folder, todo.sweep.name, spec, tested)
        write_predictions(folder, todo.sweep.name, tested)
        if tested[0].state and len(tested) == 1:
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
        "precision": recipe.precision,
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
