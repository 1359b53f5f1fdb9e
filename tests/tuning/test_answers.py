"""What a model says, in three forms."""

import json

from rich.console import Console

from tuning.answers import as_csv, as_json, as_table

ANSWERS = [("a.jpg", [("tulip", 0.75), ("rose", 0.25)]), ("b,c.jpg", [("rose", 1.0), ("tulip", 0.0)])]


def test_a_table_has_a_row_an_image() -> None:
    """Likeliest first, in percent; an image's name is no markup."""
    console = Console(width=100, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(as_table([("[b]a.jpg", ANSWERS[0][1]), ANSWERS[1]]))
    lines = capture.get().splitlines()
    assert lines[0].split() == ["image", "1", "2"]
    assert lines[1].split() == ["[b]a.jpg", "tulip", "75.00", "%", "rose", "25.00", "%"]


def test_csv_has_a_row_a_class() -> None:
    """Quoted where it must be."""
    assert as_csv(ANSWERS) == (
        "path,rank,class,probability\na.jpg,1,tulip,0.75\na.jpg,2,rose,0.25\n"
        '"b,c.jpg",1,rose,1.0\n"b,c.jpg",2,tulip,0.0\n'
    )


def test_json_has_an_object_an_image() -> None:
    """Without any image it is an empty list."""
    assert json.loads(as_json(ANSWERS))[1] == {
        "path": "b,c.jpg",
        "top": [{"class": "rose", "probability": 1.0}, {"class": "tulip", "probability": 0.0}],
    }
    assert json.loads(as_json([])) == []
