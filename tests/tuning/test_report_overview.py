"""The overview of a folder of sweeps."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from tests.tuning.test_results import write_all
from tuning.ending import Ending, write_ending
from tuning.files import write_table
from tuning.report import write_report
from tuning.report_overview import overview_page
from tuning.report_sweep import sweep_page
from tuning.study_table import FIELDS


def test_a_row_a_sweep_linked_to_its_report_if_there_is_one(tmp_path: Path) -> None:
    """Also one in a deeper folder, and one that has no tables yet."""
    write_all(tmp_path / "a b")
    write_all(tmp_path / "deep" / "c")
    (tmp_path / "deep" / "c" / "test.parquet").unlink()
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "sweep.yaml").write_text("name: new\n")
    write_report(tmp_path / "a b")
    page = overview_page(tmp_path, tmp_path)
    assert [[cell.text for cell in row[:5]] for row in page.sweeps.rows] == [
        ["a b", "2", "50.00 %", "1", "50.00 %"],
        ["deep/c", "2", "50.00 %", "1", ""],
        ["new", "", "", "", ""],
    ]
    # 1 of 2 images: (0.5 +- 0.4055) by Wilson
    assert page.sweeps.rows[0][5].text == "9.45\u00a0%\u00a0to\u00a090.55\u00a0%"
    assert [row[0].link for row in page.sweeps.rows] == ["a%20b/report.html", None, None]
    assert overview_page(tmp_path, tmp_path / "x").sweeps.rows[0][0].link == "../a%20b/report.html"
    assert page.lead == "3 sweeps, 1 with a test."


def test_what_is_no_sweep_is_not_listed(tmp_path: Path) -> None:
    """Hidden folders, and what Ray keeps within a sweep's; as `upsweep results` has it."""
    for name in ("a", ".trash/b", "a/ray/c"):
        write_all(tmp_path / name)
    assert [row[0].text for row in overview_page(tmp_path, tmp_path).sweeps.rows] == ["a"]


def test_of_predictions_the_paths_alone_are_read(tmp_path: Path) -> None:
    """Those of a thousand sweeps do not fit in memory; one without labels would be refused, if they were read."""
    write_all(tmp_path / "a")
    file = tmp_path / "a" / "predictions.parquet"
    pd.read_parquet(file, columns=["path"]).to_parquet(file)
    assert overview_page(tmp_path, tmp_path).sweeps.rows[0][5].text == "9.45\u00a0%\u00a0to\u00a090.55\u00a0%"


def test_different_splits_are_pointed_out(tmp_path: Path) -> None:
    """Their accuracies are of different images."""
    for name in ("a", "b"):
        write_all(tmp_path / name)
    assert overview_page(tmp_path, tmp_path).notes == []
    test = pd.read_parquet(tmp_path / "b" / "test.parquet")
    test.assign(split_digest="e").to_parquet(tmp_path / "b" / "test.parquet")
    assert "2 different splits" in overview_page(tmp_path, tmp_path).notes[0]


def test_a_sweep_without_a_test_has_a_split(tmp_path: Path) -> None:
    """Its ending tells, here and, with the versions, in its own report; an older ending tells nothing."""
    write_all(tmp_path / "a")
    (tmp_path / "a" / "test.parquet").unlink()
    ending = Ending(True, 0, 1, train_images=4, val_images=4, test_images=2)
    write_ending(tmp_path / "a", ending)
    assert overview_page(tmp_path, tmp_path).sweeps.rows[0][-1].text == ""
    write_ending(tmp_path / "a", replace(ending, split_digest="abc", versions={"torch": "2"}))
    assert overview_page(tmp_path, tmp_path).sweeps.rows[0][-1].text == "abc"
    facts = sweep_page(tmp_path / "a").facts
    assert facts is not None
    said = [[cell.text for cell in row] for row in facts.rows]
    assert said[-2:] == [["split digest", "abc"], ["torch", "2"]]


def test_a_studys_figures_stand_beside_the_papers(tmp_path: Path) -> None:
    """As its command prints them, and in what its settings differ; a study may be there before its sweeps."""
    row = {
        "run": "<b>",
        "sweep": "a",
        "paper_test_accuracy": 0.5,
        "scale": "small",
        "differs": "train.lr 1 -> 2",
    }
    write_table(tmp_path / "study.parquet", [row], FIELDS)
    text = write_report(tmp_path).read_text()
    assert "ours (small): test</th>" in text
    assert "&lt;b&gt;</td>" in text or "&lt;b&gt;</th>" in text
    assert "50.00 %</td>" in text
    assert "a: train.lr 1 -&gt; 2" in text
