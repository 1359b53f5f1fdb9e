"""Ranks, keys and the table of trials."""

from pathlib import Path

import pandas as pd

from tests.tuning.rows import curve, specs
from tuning.config import StopSettings
from tuning.hyperparameters import varied
from tuning.records import Outcome, trial_row
from tuning.report_style import ENDS, OTHERS, plain, styles
from tuning.report_trials import END_NAMES, end_keys, ranked, trial_keys, trials_table, winner
from tuning.results import load, write_trials
from tuning.selection import pick

CURVES = [curve(0, 0.9, None), curve(1, 0.5, 0.7), curve(2, 0.7, 0.6), [], curve(4, 0.2)]
"""Diverged after the best accuracy, best at its second epoch, as good at its first, failed at once, failed later."""


def written(folder: Path) -> pd.DataFrame:
    """Return the trials of the curves as they come back from Parquet."""
    rows = [
        trial_row(
            spec, rows, sweep="s", stop=StopSettings(), max_epochs=2, worker=None,
            error="boom" if spec.index >= 3 else None,
        )
        for spec, rows in zip(specs(5), CURVES, strict=True)
    ]  # fmt: skip
    chosen = pick(rows, [row for rows in CURVES for row in rows])
    assert chosen is not None
    assert chosen.trial == 2
    write_trials(folder, rows)
    trials = load(folder).trials
    assert trials is not None
    return trials


def test_ranks_begin_with_the_sweeps_own_winner(tmp_path: Path) -> None:
    """What diverged comes after all that did not, what has no accuracy last."""
    trials = written(tmp_path)
    assert ranked(trials) == [2, 1, 4, 0, 3]
    best = winner(trials)
    assert best is not None
    assert best["trial"] == 2
    assert winner(trials[trials["trial"] == 0]) is None
    assert winner(trials[trials["trial"] == 3]) is None


def test_only_what_varies_is_told(tmp_path: Path) -> None:
    """Trials differ in lr alone."""
    assert varied(written(tmp_path)) == ["config_lr"]


def test_every_outcome_has_a_mark_and_a_name() -> None:
    """As the records have them."""
    assert set(ENDS) == set(END_NAMES) == {str(outcome) for outcome in Outcome}


def test_the_best_have_keys_of_their_own_and_all_others_share_one(tmp_path: Path) -> None:
    """No two alike in dash and mark together, so that colour is not needed to tell them apart."""
    looks = styles(range(40))
    assert list(looks) == [0, 1, 2, 3, 4, 5]
    assert len({(style.dash, style.symbol) for style in looks.values()} | {(OTHERS.dash, "")}) == 7
    keys = trial_keys(written(tmp_path), styles([2, 1]), ["config_lr"])
    assert [(key.name, key.label) for key in keys] == [
        ("2", "trial 2"),
        ("1", "trial 1"),
        ("others", "3 other trials"),
    ]
    assert keys[0].note == "70.00 %, lr 0.0333333, 2 epochs, completed"
    assert [(key.label, key.note) for key in end_keys(written(tmp_path))] == [
        ("completed", "2 trials"),
        ("diverged", "1 trial"),
        ("failed", "2 trials"),
    ]


def test_the_table_marks_the_winner_in_words(tmp_path: Path) -> None:
    """And tells why each trial ended, or what it raised."""
    trials = written(tmp_path)
    table = trials_table(trials, varied(trials))
    assert table.marked == {2}
    assert [row[0].text for row in table.rows] == ["0", "1", "2 (best)", "3", "4"]
    assert [row[-1].text for row in table.rows] == [
        "train_loss: not finite at epoch 2", "2 epochs done, as many as there were to do",
        "2 epochs done, as many as there were to do", "boom", "boom",
    ]  # fmt: skip


def test_a_users_text_is_no_markup_of_plotlys() -> None:
    """Plotly takes some HTML in its labels, links among it."""
    assert plain('<a href="https://x">&') == '&lt;a href="https://x"&gt;&amp;'
    assert plain("abcdefgh", 5) == "a…fgh"
    ours, theirs = (plain(f"paper-alexnet-small/alexnet-augment-{n}", 28) for n in (1, 2))
    assert (len(ours), ours[:10], ours[-9:]) == (28, "paper-ale…", "augment-1")
    assert ours != theirs
