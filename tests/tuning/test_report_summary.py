"""What leads a report: the result, and what is missing."""

from pathlib import Path
from typing import Any

import pytest

from tests.tuning.rows import curve
from tests.tuning.test_report import write_sweep
from tuning.ending import Ending, write_ending
from tuning.report_overview import overview_page
from tuning.report_summary import Tile, facts_table, lead, notes, seeds_table, tiles
from tuning.report_sweep import sweep_page
from tuning.results import load

INTERRUPTED = [
    "1 trial ended from outside, before the last epoch.",
    "No test: the sweep was interrupted. Its rows so far are here.",
]
DONE = curve(0, 0.5, 0.6, 0.7)


@pytest.mark.parametrize(
    ("curves", "options", "settings", "said"),
    [
        ([DONE], {}, {"retrain": {"seeds": [0]}}, []),
        (
            [DONE],
            {"tests": 0},
            {"retrain": None},
            ["No test: the sweep was to retrain nothing (retrain: null)."],
        ),
        (
            [DONE],
            {"tests": 0},
            {},
            ["No test: the winner was not retrained, or its retrain diverged or failed."],
        ),
        ([curve(0, 0.5)], {"tests": 0}, {}, INTERRUPTED),
        ([[]], {"tests": 0}, {}, INTERRUPTED),
        (
            [DONE],
            {"tests": 2},
            {"retrain": {"seeds": [0, 1, 2]}},
            ["2 of 3 retrains gave a model; the others diverged or failed."],
        ),
        (
            [curve(0, None), []],
            {"tests": 0, "errors": {1: "boom"}},
            {},
            [
                "1 trial failed; the table of trials has the errors.",
                "1 trial diverged, and cannot win.",
                "No winner: every trial diverged or failed before its first epoch. Try lower learning rates.",
            ],
        ),
    ],
    ids=[
        "nothing",
        "no-retrain",
        "retrain-failed",
        "interrupted",
        "interrupted-at-once",
        "one-seed-failed",
        "no-winner",
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, curves: Any, options: dict[str, Any], settings: dict[str, Any], said: list[str]
) -> None:
    """With why, as far as the files tell."""
    assert notes(load(write_sweep(tmp_path / "s", curves, **options)), settings) == said


@pytest.mark.parametrize("curves", [[DONE], [[]]], ids=["no-retrain-yet", "no-epoch-yet"])
def test_a_sweep_that_has_not_ended_lacks_nothing_yet(tmp_path: Path, curves: Any) -> None:
    """It may be running, or was killed: the ending that is not there tells it from one that went wrong."""
    folder = write_sweep(tmp_path / "s", curves, tests=0, ended=False, errors={0: "boom"})
    assert sweep_page(folder).notes[-1] == (
        "The sweep has not ended: these are its rows so far. If it is not running, `upsweep resume` goes on with it."
    )
    assert "No winner" not in " ".join(sweep_page(folder).notes)
    write_ending(folder, Ending(True, 0, 3, 1, 1, 1))
    assert sweep_page(folder).notes[-1].startswith("No ")


def test_a_trial_that_runs_may_lead(tmp_path: Path) -> None:
    """Of a sweep that has not ended; it has a style and a key of its own as the others have."""
    folder = write_sweep(tmp_path / "s", [DONE, curve(1, 0.8, 0.9)], tests=0, ended=False)
    trials = load(folder).read("trials").drop(columns="folder")
    trials[trials["trial"] == 0].to_parquet(folder / "trials.parquet")
    page = sweep_page(folder)
    assert page.lead == "Trial 1 is best so far: 90.00 % on validation at epoch 2."
    assert [(tile.value, tile.note) for tile in page.tiles] == [("90.00 %", "trial 1, which runs")]
    assert [(key.name, key.note.rpartition(", ")[2]) for key in page.keys] == [
        ("1", "runs"),
        ("0", "completed"),
    ]


def test_a_test_of_fewer_epochs_than_the_winners_best_is_not_shown(tmp_path: Path) -> None:
    """As while a resume goes on with a trial that had won before it failed."""
    folder = write_sweep(tmp_path / "s", [DONE])
    load(folder).read("test").assign(epochs=1).to_parquet(folder / "test.parquet")
    assert [tile.name for tile in sweep_page(folder).tiles] == ["best validation accuracy"]


def test_a_test_of_another_trial_than_the_winner_is_not_shown(tmp_path: Path) -> None:
    """A resume that picks another leaves it until that one's is there, or if its retrain fails."""
    folder = write_sweep(tmp_path / "s", [DONE, curve(1, 0.9, 0.9, 0.9)])
    assert sweep_page(folder).tiles[0].name == "test accuracy"
    load(folder).read("test").assign(trial=0).to_parquet(folder / "test.parquet")
    page = sweep_page(folder)
    assert [tile.name for tile in page.tiles] == ["best validation accuracy"]
    assert page.classes == []
    assert page.notes == ["No test: the winner was not retrained, or its retrain diverged or failed."]
    assert overview_page(tmp_path, tmp_path).lead == "1 sweep, 0 with a test."


def test_one_retrain_leads_with_its_test(tmp_path: Path) -> None:
    """Two of six images: 33.33 %, by Wilson from 9.68 % to 70.00 %."""
    frames = load(write_sweep(tmp_path / "s", [DONE, curve(1, 0.4)]))
    assert tiles(frames) == [
        Tile(
            "test accuracy",
            "33.33 %",
            "95 % interval 9.68\u00a0%\u00a0to\u00a070.00\u00a0% (Wilson, 6 images)",
        ),
        Tile("mean per-class accuracy", "33.33 %", "each class counts alike"),
        Tile("best validation accuracy", "70.00 %", "trial 0: lr 0.1"),
    ]
    assert lead(frames) == (
        "Trial 0 was best: 70.00 % on validation at epoch 3. "
        "Retrained on 8 images of train and validation for 3 epochs and then tested."
    )
    assert seeds_table(frames) is None


def test_several_retrains_lead_with_their_mean(tmp_path: Path) -> None:
    """Of 1/3, 1/3 + 0.1, 1/3 + 0.2 the mean is 43.33 % and the standard deviation 10 points."""
    frames = load(write_sweep(tmp_path / "s", [DONE], tests=3))
    assert [(tile.name, tile.value) for tile in tiles(frames)] == [
        ("mean test accuracy", "43.33 %"),
        ("mean per-class accuracy", "33.33 %"),
        ("over seeds", "± 10.00"),
        ("best validation accuracy", "70.00 %"),
    ]
    seeds = seeds_table(frames)
    assert seeds is not None
    assert [row[1].text for row in seeds.rows] == ["33.33 %", "43.33 %", "53.33 %"]


def test_without_predictions_there_is_no_interval(tmp_path: Path) -> None:
    """How many images were tested is not known, and not guessed."""
    folder = write_sweep(tmp_path / "s", [DONE])
    (folder / "predictions.parquet").unlink()
    assert tiles(load(folder))[0] == Tile("test accuracy", "33.33 %", "")


def test_the_facts_are_those_of_the_rows(tmp_path: Path) -> None:
    """Seeds, digest, versions; a host that no row names is left out."""
    rows = facts_table(load(write_sweep(tmp_path / "s", [DONE], tests=2))).rows
    assert [[cell.text for cell in row] for row in rows] == [
        ["trial seeds", "0"],
        ["retrain seeds", "0, 1"],
        ["split digest", "d"],
        ["torch", "2"],
    ]
