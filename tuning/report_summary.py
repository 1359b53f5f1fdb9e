"""What leads a sweep's report, and what it rests on: the result, what is missing, seeds and versions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from tuning.ending import Ending
from tuning.frames import Frames
from tuning.hyperparameters import label, varied
from tuning.intervals import wilson
from tuning.report_bars import interval_said
from tuning.report_table import Cell, Table, number, share, text
from tuning.report_trials import RUNNING, winner
from tuning.results import over_seeds
from tuning.scale import shown
from tuning.scaled import scaled
from tuning.wording import counted, percent


class Tile(NamedTuple):
    """A number that leads."""

    name: str
    value: str
    note: str


def sweep_name(frames: Frames, folder: Path) -> str:
    """Return what the sweep is called: by its rows, since a folder may have been renamed."""
    tables = [frame for frame in (frames.trials, frames.epochs, frames.test) if frame is not None]
    return str(tables[0]["sweep"].iloc[0]) if tables else folder.resolve().name


def lead(frames: Frames, running: Sequence[dict[Any, Any]] = (), *, ended: bool = True) -> str:
    """Return the result in a sentence or two, of a sweep that has ended or of which some trials run."""
    best = winner(frames.trials, running)
    parts = []
    if best:
        parts.append(
            f"Trial {best['trial']} {'was best' if ended else 'is best so far'}: {percent(best['best_val_accuracy'])} on validation "
            f"at epoch {int(best['best_epoch'])}."
        )
    if frames.test is not None:
        row = frames.test.iloc[0]
        times = f", {len(frames.test)} times," if len(frames.test) > 1 else ""
        parts.append(
            f"Retrained{times} on {row['train_images']:,} images of train and validation for "
            f"{counted(int(row['epochs']), 'epoch')} and then tested."
        )
    return " ".join(parts) or ("There is no winner." if ended else "There is no winner yet.")


def tiles(frames: Frames, running: Sequence[dict[Any, Any]] = ()) -> list[Tile]:
    """Return the numbers of the test, then that of validation, as far as there are any."""
    found = [] if frames.test is None else _test_tiles(frames.test, tested_images(frames))
    if best := winner(frames.trials, running):
        names = [] if frames.trials is None or best["outcome"] == RUNNING else varied(frames.trials)
        point = ", ".join(f"{label(name)} {shown(best[name]) or 'none'}" for name in names)
        note = f"trial {best['trial']}" + (f": {point}" if point else "")
        note += ", which runs" if best["outcome"] == RUNNING else ""
        found.append(Tile("best validation accuracy", percent(best["best_val_accuracy"]), note))
    return found


def tested_images(frames: Frames) -> int:
    """Return how many images were tested; 0 when the predictions are not there to tell."""
    return int(frames.read("predictions", columns=["path"])["path"].nunique())


def seeds_table(frames: Frames) -> Table | None:
    """Return the retrains one by one, if there are several."""
    if frames.test is None or len(frames.test) < 2:
        return None
    images = tested_images(frames)
    rows = [
        [
            number(row["seed"], "d"),
            share(row["test_accuracy"]),
            text(interval_said(wilson(row["test_accuracy"], images)) if images else None),
            share(row["test_mean_class_accuracy"]),
            number(row["test_loss"], ".4g"),
        ]
        for row in frames.test.to_dict("records")
    ]
    headings = ["seed", "test accuracy", "95 % interval", "mean per-class accuracy", "test loss"]
    return Table("The retrains, one a seed", headings, rows, sortable=True)


def notes(frames: Frames, settings: dict[str, Any], *, ended: bool = True) -> list[str]:
    """Return what is missing and why, as far as the files tell; of a sweep that has not ended nothing is yet."""
    said = []
    if scale := settings.get("scale"):
        said.append(f"This is {scaled(str(scale))}.")
    outcomes = [] if frames.trials is None else frames.trials["outcome"].tolist()
    seeds = (settings.get("retrain") or {}).get("seeds", [])
    if errored := outcomes.count("errored"):
        said.append(f"{counted(errored, 'trial')} failed; the table of trials has the errors.")
    if diverged := outcomes.count("diverged"):
        said.append(f"{counted(diverged, 'trial')} diverged, and cannot win.")
    if cut := outcomes.count("stopped_scheduler"):
        said.append(f"{counted(cut, 'trial')} ended from outside, before the last epoch.")
    if not ended and not cut:
        said.append(
            "The sweep has not ended: these are its rows so far. If it is not running, `upsweep resume` goes on with it."
        )
    elif frames.test is not None:
        if len(seeds) > len(frames.test):
            said.append(
                f"{len(frames.test)} of {len(seeds)} retrains gave a model; the others diverged or failed."
            )
    elif cut:
        said.append("No test: the sweep was interrupted. Its rows so far are here.")
    elif frames.trials is None or winner(frames.trials) is None:
        said.append(
            "No winner: every trial diverged or failed before its first epoch. Try lower learning rates."
        )
    elif "retrain" in settings and settings["retrain"] is None:
        said.append("No test: the sweep was to retrain nothing (retrain: null).")
    else:
        said.append("No test: the winner was not retrained, or its retrain diverged or failed.")
    return said


def facts_table(frames: Frames, ending: Ending | None = None) -> Table:
    """Return what the numbers were computed with: the ending knows split and versions of a sweep that tested nothing."""
    facts: list[tuple[str, str]] = []
    if frames.trials is not None:
        for name, column in (("trial seeds", "seed"), ("hosts", "host"), ("devices", "device")):
            facts.append((name, _distinct(frames.trials[column])))
    versions = {} if ending is None else ending.versions
    if frames.test is not None:
        facts.append(("retrain seeds", _distinct(frames.test["seed"])))
        versions = json.loads(frames.test["versions"].iloc[0])
    facts.append(("split digest", ", ".join(split_digests(frames, ending))))
    facts += [(name, str(version)) for name, version in versions.items()]
    rows: list[list[Cell]] = [[text(name), text(value)] for name, value in facts if value]
    return Table("Seeds, split and versions", ["what", "value"], rows)


def split_digests(frames: Frames, ending: Ending | None) -> list[str]:
    """Return the digest of the split that a sweep's numbers are of; none if it has not ended, several of odd files."""
    if frames.test is not None:
        return list(dict.fromkeys(frames.test["split_digest"].dropna()))
    return [ending.split_digest] if ending and ending.split_digest else []


def _test_tiles(test: pd.DataFrame, images: int) -> list[Tile]:
    """Return the means over retrains, and how far these lie apart if there are several."""
    several = len(test) > 1
    accuracy, std = over_seeds(test["test_accuracy"].tolist())
    note = (
        f"95 % interval {interval_said(wilson(accuracy, images))} (Wilson, {images:,} images)"
        if images
        else ""
    )
    class_mean = percent(float(test["test_mean_class_accuracy"].mean()))
    found = [
        Tile("mean test accuracy" if several else "test accuracy", percent(accuracy), note),
        Tile("mean per-class accuracy", class_mean, "each class counts alike"),
    ]
    if std is not None:
        spread = f"± {100 * std:.2f}"
        note = f"percentage points, standard deviation of {len(test)} test accuracies"
        found.append(Tile("over seeds", spread, note))
    return found


def _distinct(values: pd.Series) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values if not pd.isna(value)))
