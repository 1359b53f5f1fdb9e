"""How a sweep or a study ended, in the terminal."""

from pathlib import Path

from rich.console import Console

from tuning.cluster import resume_command
from tuning.driver import SweepResult
from tuning.records import Outcome
from tuning.results import load, load_study_rows, over_seeds
from tuning.retrain import Diverged, Failed, Retrained, RetrainEnd
from tuning.study_table import study_notes, study_table
from tuning.summary import trials_table
from tuning.terminal import INTERRUPTED
from tuning.wording import counted, percent


def exit_code(result: SweepResult) -> int:
    """Return what a command exits with that ran a sweep."""
    return INTERRUPTED if result.interrupted else 0 if result.ok else 1


def summarise(result: SweepResult, console: Console) -> None:
    """Print how a sweep ended."""
    frames = load(result.folder)
    if frames.trials is not None:
        console.print(trials_table(frames.trials))
        console.print()
    for row in result.trials:
        if row.outcome is Outcome.ERRORED:
            console.print(
                f"trial {row.spec.index} failed: {row.error}", style="red", soft_wrap=True, markup=False
            )
    if result.interrupted:
        console.print(
            f"interrupted: the rows so far are kept, and nothing was retrained; go on with: {resume_command(result.place or result.folder)}",
            style="red",
            soft_wrap=True,
        )
    elif result.pick is None:
        console.print(
            "no winner: every trial diverged or failed before its first epoch, so nothing was retrained; "
            "try lower learning rates",
            style="red",
            soft_wrap=True,
        )
    else:
        best = result.pick
        console.print(
            f"winner: trial {best.trial}, {percent(best.val_accuracy)} on validation at epoch {best.epoch}",
            soft_wrap=True,
        )
    for end in result.retrained:
        console.print(_retrain_line(end), style=None if isinstance(end, Retrained) else "red", soft_wrap=True)
    if len(result.tested) > 1:
        overall = over_seeds([end.accuracy for end in result.tested])
        console.print(
            f"over {len(result.tested)} seeds: test accuracy {percent(overall.mean)} ± {percent(overall.std or 0.0)} "
            "(mean and standard deviation)",
            soft_wrap=True,
        )
    if result.failed and not result.interrupted:
        console.print(
            f"what failed is tried again by: {resume_command(result.place or result.folder)}",
            style="red",
            soft_wrap=True,
            highlight=False,
        )
    for warning in result.warnings:
        console.print(warning, style="yellow", soft_wrap=True, highlight=False)
    console.print(f"files: {result.place or result.folder}", soft_wrap=True, highlight=False)
    for file in sorted(path.name for path in result.folder.iterdir() if path.is_file()):
        console.print(f"  {file}", highlight=False)


def _retrain_line(end: RetrainEnd) -> str:
    if isinstance(end, Diverged):
        return f"the retrain with seed {end.seed} diverged at epoch {end.epoch}, so there is no test of it"
    if isinstance(end, Failed):
        return f"the retrain with seed {end.seed} failed, so there is no test of it: {end.error}"
    return (
        f"test accuracy: {percent(end.accuracy)}, mean per class {percent(end.mean_class_accuracy)} "
        f"({counted(end.epochs, 'epoch')} on {end.train_images} images, seed {end.seed})"
    )


def show_study(folder: Path, console: "Console") -> None:
    """Print a study's table, and in what its sweeps differ from their files."""
    rows = load_study_rows(folder)
    if rows is None:
        return
    console.print(study_table(rows))
    for note in study_notes(rows):
        console.print(note, soft_wrap=True, highlight=False)
    console.print(f"files: {folder}", soft_wrap=True, highlight=False)
