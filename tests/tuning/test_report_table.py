"""Cells and tables, above all those of rows that we know nothing about."""

import pandas as pd

from tuning.report_table import Cell, Table, frame_table, number, share, text


def test_nulls_are_empty_and_sort_last() -> None:
    """Of every kind."""
    for cell in (text(None), text(float("nan")), number(None), number(float("nan"), "d"), share(pd.NA)):
        assert (cell.text, cell.sort) == ("", None)


def test_columns_of_numbers_are_told_from_words() -> None:
    """By what sorts them; an empty column is words."""
    rows = [[text("a"), number(3, "d"), text(None)], [text("b"), number(None), text(None)]]
    assert Table("t", ["x", "y", "z"], rows).numeric == [False, True, False]


def test_any_dataframe_is_a_table() -> None:
    """Accuracies are shares in percent, whole numbers stay whole, lists and truths are as they are."""
    frame = pd.DataFrame(
        {
            "paper_accuracy": [0.71, None],
            "repeats": [3, 4],
            "low": [0.25, None],
            "ok": [True, False],
            "of": [[1], [2]],
        }
    )
    table = frame_table(frame, "The study's rows")
    assert table.headings == ["paper accuracy", "repeats", "low", "ok", "of"]
    assert [cell.text for cell in table.rows[0]] == ["71.00 %", "3", "0.25", "True", "[1]"]
    assert [cell.text for cell in table.rows[1]] == ["", "4", "", "False", "[2]"]
    assert table.rows[0][0] == Cell("71.00 %", 0.71)
    assert table.numeric == [True, True, True, False, False]
