"""Files of an answer in a folder: whole, within it, and only where they may be."""

from pathlib import Path

import pytest

from data_utils.errors import InputError
from tuning.fetching import check_target, write_files
from tuning.job_stream import file_lines, messages


def test_files_are_written_and_counted(tmp_path: Path) -> None:
    """Each is announced before it comes; one that is there is replaced."""
    (tmp_path / "there").mkdir()
    for name in ("a", "b"):
        (tmp_path / "there" / name).write_text(f"content of {name}")
    lines = [line for name in ("a", "b") for line in file_lines(tmp_path / "there" / name, name)]
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a").write_text("older")
    told: list[str] = []
    assert write_files(messages(lines), tmp_path / "here", lambda sent: told.append(sent.name)) == 2
    assert told == ["a", "b"]
    assert (tmp_path / "here" / "a").read_text() == "content of a"
    with pytest.raises(InputError, match="fetch again"):
        write_files(messages(lines[:1]), tmp_path / "cut", lambda sent: None)
    assert list((tmp_path / "cut").iterdir()) == []


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", "..", ""])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever the cluster says."""
    answer = [{"file": name, "bytes": 0, "sha256": "e3"}]
    with pytest.raises(InputError, match="lead out of the folder"):
        write_files(answer, tmp_path / "here", lambda sent: None)


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    """A new folder, an empty one, or that of an earlier fetch will do."""
    check_target(tmp_path / "new")
    check_target(tmp_path)
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="holds other files"):
        check_target(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        check_target(tmp_path / "thesis.tex")
    (tmp_path / "sweep.yaml").write_text("")
    check_target(tmp_path)
