"""What goes into the overview of a folder of sweeps, such as a study."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tuning.ending import read_ending
from tuning.frames import Frames, walk_sweeps
from tuning.intervals import wilson
from tuning.report_bars import Bar, interval_said
from tuning.report_plots import sweeps_plot
from tuning.report_style import Plot
from tuning.report_summary import split_digests, tested_images
from tuning.report_table import Cell, Table, frame_table, number, share, text
from tuning.report_trials import own_test, winner
from tuning.results import EPOCHS, TABLES, TEST, TRIALS, load, load_study_rows
from tuning.scaled import notes_of, scale_of
from tuning.study_table import readable, study_notes
from tuning.sweep_file import SWEEP_FILE
from tuning.wording import counted, percent


@dataclass(frozen=True)
class OverviewPage:
    """The overview."""

    name: str
    lead: str
    sweeps: Table
    notes: list[str] = field(default_factory=list)
    plot: Plot | None = None
    study: Table | None = None

    @property
    def plots(self) -> list[Plot]:
        """Every plot of the page."""
        return [self.plot] if self.plot else []


def overview_page(folder: Path, linked_from: Path) -> OverviewPage:
    """Return the overview of the sweeps below a folder.

    Args:
        linked_from: the folder that the page will lie in.

    Raises:
        InputError: no sweep's tables below the folder, or one that cannot be read.
    """
    marks = (SWEEP_FILE, TRIALS, EPOCHS, TEST)
    places = sorted(Path(place) for place, _ in walk_sweeps(folder, marks))
    study = load_study_rows(folder)
    if not places and study is None:
        load(folder)  # which says what is wrong
    found = {place.relative_to(folder).as_posix(): _load(place) for place in places}
    digests = {name: split_digests(frames, read_ending(folder / name)) for name, frames in found.items()}
    scales = {name: scale_of(str(folder / name)) for name in found}
    titles = {name: f"{name} ({scale})" if scale else name for name, scale in scales.items()}
    bars = {name: bar for name, frames in found.items() if (bar := _bar(titles[name], frames))}
    rows = [
        _row(titles[name], frames, bars.get(name), digests[name], _link(folder / name, linked_from))
        for name, frames in found.items()
    ]
    headings = ["sweep", "trials", "best validation accuracy", "epochs", "test accuracy", "95 % interval"]
    headings += ["mean per-class accuracy", "retrains", "split digest"]
    return OverviewPage(
        name=folder.resolve().name,
        lead=f"{counted(len(found), 'sweep')}, {len(bars)} with a test.",
        sweeps=Table("Sweeps", headings, rows, sortable=True),
        notes=[
            *_notes(digests.values()),
            *notes_of(scales),
            *([] if study is None else study_notes(study)),
        ],
        plot=sweeps_plot(list(bars.values())) if bars else None,
        study=None if study is None else frame_table(readable(study), "The paper's figures, and ours"),
    )


def _load(place: Path) -> Frames:
    """Return a sweep's tables; one that has none yet is a row like others."""
    if any((place / name).is_file() for name in (TRIALS, EPOCHS, TEST)):
        return own_test(load(place))
    return Frames({table: [] for table in TABLES}, TABLES)


def _link(place: Path, linked_from: Path) -> str | None:
    """Return the address of a sweep's own report, relative, if there is one."""
    report = place / "report.html"
    if not report.is_file():
        return None
    return quote(Path(os.path.relpath(report.resolve(), linked_from.resolve())).as_posix())


def _row(name: str, frames: Frames, bar: Bar | None, digests: Sequence[str], link: str | None) -> list[Cell]:
    best: dict[Any, Any] = (winner(frames.trials) if frames.trials is not None else None) or {}
    test = frames.test
    return [
        text(name, link),
        number(None if frames.trials is None else len(frames.trials), "d"),
        share(best.get("best_val_accuracy")),
        number(best.get("best_epoch"), ".0f"),
        share(bar.value if bar else None),
        text(interval_said(bar.interval) if bar and bar.interval else None),
        share(None if test is None else test["test_mean_class_accuracy"].mean()),
        number(None if test is None else len(test), "d"),
        text(", ".join(digests)),
    ]


def _bar(name: str, frames: Frames) -> Bar | None:
    if frames.test is None:
        return None
    accuracy = float(frames.test["test_accuracy"].mean())
    images = tested_images(frames)
    interval = wilson(accuracy, images) if images else None
    said = f"{name}: {percent(accuracy)}" + (f", 95 % interval {interval_said(interval)}" if interval else "")
    return Bar(name, accuracy, interval, said)


def _notes(digests: Iterable[Sequence[str]]) -> list[str]:
    splits = {digest for of_sweep in digests for digest in of_sweep}
    if len(splits) < 2:
        return []
    return [
        f"The sweeps are over {len(splits)} different splits, so their accuracies are not of the same images."
    ]
