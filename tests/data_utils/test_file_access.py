"""Files on a disk and at a real S3 server: the same calls, the same answers."""

import os
from pathlib import Path

import pytest

from data_utils.file_access import (
    exists,
    fetched,
    files_below,
    is_folder,
    matching,
    read_bytes,
    remove,
    renamed,
    size,
    walk,
    write_bytes,
    written,
)
from data_utils.places import parent, s3_place, shown, under
from tests.s3_server import S3Server

FILES = (
    "top.json",
    "ray/trial_0/checkpoint_0/r.json",
    "ray/trial_0/checkpoint_1/r.json",
    "ray/trial 1/é=1.txt",
)


@pytest.fixture(params=["disk", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path, s3: S3Server) -> str:
    """Return a place with `FILES`, each of which holds its own name."""
    place = str(tmp_path) if request.param == "disk" else s3_place(f"s3://bucket/{tmp_path.name}")
    for name in FILES:
        write_bytes(under(place, *name.split("/")), name.encode())
    return place


def test_what_is_written_is_read(root: str) -> None:
    """Whole, with its size; what is not there is an error of the same kind."""
    file = under(root, "ray", "trial 1", "é=1.txt")
    assert read_bytes(file) == "ray/trial 1/é=1.txt".encode()
    assert size(file) == 20
    with fetched(file) as path:
        assert path.read_text() == "ray/trial 1/é=1.txt"
    for missing in (under(root, "no"), under(root, "ray", "no")):
        assert not exists(missing)
        with pytest.raises(FileNotFoundError):
            read_bytes(missing)
        with pytest.raises(FileNotFoundError):
            size(missing)


def test_one_that_is_not_written_to_its_end_leaves_what_was_there(root: str) -> None:
    """Whole or absent."""
    file = under(root, "top.json")
    with pytest.raises(ZeroDivisionError), written(file) as part:
        part.write_bytes(b"half" * (1 // 0))
    assert read_bytes(file) == b"top.json"
    assert files_below(root) == sorted(FILES)


def test_a_file_has_the_rights_of_any_new_one(tmp_path: Path) -> None:
    """By the umask, which is not touched for it."""
    before = os.umask(0o027)
    try:
        with renamed(tmp_path / "x") as part:
            part.write_text("x")
    finally:
        assert os.umask(before) == 0o027
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_folders_are_walked_and_matched(root: str) -> None:
    """As globs and `os.walk` do; a folder is there as long as something is in it."""
    found = matching(root, "ray/trial_*/checkpoint_*/r.json")
    assert [shown(place).removeprefix(f"{shown(root)}/") for place in found] == list(FILES[1:3])
    assert matching(root, "*/no") == []
    assert files_below(root, leave_out=("trial_0",)) == ["ray/trial 1/é=1.txt", "top.json"]
    folder, folders, files = next(walk(root))
    assert (folder, folders, files) == (root, ["ray"], ["top.json"])
    assert is_folder(under(root, "ray"))
    assert not is_folder(under(root, "top.json"))
    assert parent(under(root, "ray")) == root


def test_what_is_removed_is_gone(root: str) -> None:
    """A file, a folder, and again without an error."""
    for name in ("top.json", "ray", "ray"):
        remove(under(root, name))
    assert files_below(root) == []
    assert not exists(under(root, "ray"))


def test_an_upload_that_fails_at_its_end_is_an_error(s3: S3Server) -> None:
    """Arrow's own copy says nothing of one."""
    with pytest.raises(OSError, match="NO_SUCH_BUCKET"):
        write_bytes(s3_place("s3://no-such-bucket/file"), b"x")
