"""Changed packages that travel with a job."""

from pathlib import Path

import pytest

from data_utils.errors import InputError
from tuning.local_code import PACKAGES, pack

ROOT = Path(__file__).parents[2]


def test_a_checkouts_packages_are_copied(tmp_path: Path) -> None:
    """With what they read, as templates, and without what Python makes of them; nothing else travels."""
    pack(ROOT, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(PACKAGES)
    assert (tmp_path / "tuning" / "templates").is_dir()
    assert not list(tmp_path.rglob("*.pyc"))


def test_another_folder_is_refused(tmp_path: Path) -> None:
    """With what it lacks."""
    (tmp_path / "tuning").mkdir()
    (tmp_path / "tuning" / "__init__.py").touch()
    with pytest.raises(InputError, match="holds no data_utils, trainables; give a checkout"):
        pack(tmp_path, tmp_path / "job")
