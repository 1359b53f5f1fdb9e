"""Files of an answer in a folder: whole, within it, and only where they may be."""

from pathlib import Path

import pytest

from data_utils.errors import InputError
from tuning.fetching import FETCHED, fetched_before, write_files
from tuning.job_stream import file_lines, messages

PLACE = "runs/small"


def fetch(lines: list[str], folder: Path) -> None:
    """Write what lines hold."""
    write_files(messages(lines), folder, PLACE, lambda sent: None)


def names_in(folder: Path) -> list[str]:
    """Return the names of what a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def test_files_are_written_and_counted(tmp_path: Path) -> None:
    """Each is announced before it comes; one that is there is replaced."""
    (tmp_path / "there").mkdir()
    for name in ("a", "b"):
        (tmp_path / "there" / name).write_text(f"content of {name}")
    lines = [line for name in ("a", "b") for line in file_lines(tmp_path / "there" / name, name)]
    fetch(lines, tmp_path / "here")
    (tmp_path / "here" / "a").write_text("older")
    told: list[str] = []
    assert write_files(messages(lines), tmp_path / "here", PLACE, lambda sent: told.append(sent.name)) == 2
    assert told == ["a", "b"]
    assert (tmp_path / "here" / "a").read_text() == "content of a"
    with pytest.raises(InputError, match="fetch again"):
        fetch(lines[:1], tmp_path / "cut")
    assert names_in(tmp_path / "cut") == [FETCHED]
    fetch(lines, tmp_path / "cut")


def test_what_a_run_has_no_more_is_dropped(tmp_path: Path) -> None:
    """Once all else has come, whatever broke off before; what was put beside it stays."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    a, b, c = (list(file_lines(tmp_path / name, name)) for name in ("a", "b", "c"))
    here = tmp_path / "here"
    fetch([*a, *b], here)
    (here / "notes").write_text("mine")
    with pytest.raises(InputError, match="fetch again"):
        fetch([*c, *a[:1]], here)
    assert names_in(here) == [FETCHED, "a", "b", "c", "notes"]
    fetch(b, here)
    assert names_in(here) == [FETCHED, "b", "notes"]


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", "..", ""])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Whatever the cluster says."""
    answer = [{"file": name, "bytes": 0, "sha256": "e3"}]
    with pytest.raises(InputError, match="lead out of the folder"):
        write_files(answer, tmp_path / "here", PLACE, lambda sent: None)


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    """A new folder, an empty one, or that of an earlier fetch of the same run will do; a run of this machine's will not."""
    (tmp_path / "empty").mkdir()
    assert fetched_before(tmp_path / "new", PLACE) == fetched_before(tmp_path / "empty", PLACE) == set()
    local = tmp_path / "local"
    local.mkdir()
    (local / "sweep.yaml").write_text("")
    with pytest.raises(InputError, match="holds other files; name a new folder"):
        fetched_before(local, PLACE)
    with pytest.raises(InputError, match="is a file"):
        fetched_before(local / "sweep.yaml", PLACE)
    fetch(list(file_lines(local / "sweep.yaml", "sweep.yaml")), tmp_path / "here")
    assert fetched_before(tmp_path / "here", PLACE) == {"sweep.yaml"}
    with pytest.raises(InputError, match="holds what was fetched of runs/small; name a new folder"):
        fetched_before(tmp_path / "here", "runs/other")
    (tmp_path / "here" / FETCHED).write_text("[]")
    with pytest.raises(InputError, match="holds other files"):
        fetched_before(tmp_path / "here", PLACE)
