"""Files of a run at S3 as a folder's."""

from pathlib import Path

import pytest

from data_utils.errors import InputError
from data_utils.file_access import write_bytes
from data_utils.places import s3_place, under
from tests.s3_server import S3Server
from tuning.local_copy import fetch_files


def test_names_that_are_in_the_run_come_where_they_belong(tmp_path: Path, s3: S3Server) -> None:
    """In folders of their own, if they have such."""
    place = s3_place("s3://bucket/fetched")
    write_bytes(under(place, "journal", "a"), b"a")
    fetch_files(place, ["journal/a"], tmp_path / "run")
    assert (tmp_path / "run" / "journal" / "a").read_bytes() == b"a"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "a//x", "./x"])
def test_a_name_that_would_leave_the_folder_is_refused(tmp_path: Path, s3: S3Server, name: str) -> None:
    """S3 lets an object be called anything; nothing is fetched then."""
    place = s3_place("s3://bucket/fetched")
    with pytest.raises(InputError, match=r"an object at s3://bucket/fetched: has a name that would lead out"):
        fetch_files(place, ["sweep.yaml", name], tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
