"""The embedded sample."""

from pathlib import Path

import pytest

from data_utils.caltech101 import Caltech101
from data_utils.errors import InputError
from data_utils.sample import cached_sample, write_sample


def test_the_sample_is_all_digits_in_caltechs_layout(tmp_path: Path) -> None:
    """1,797 JPEGs of ten classes, a background folder, and two lists that hold each image once."""
    root = write_sample(tmp_path / "sample")
    assert sorted(p.name for p in root.iterdir()) == ["101_ObjectCategories", "test.txt", "train.txt"]
    assert len(list((root / "101_ObjectCategories" / "BACKGROUND_Google").glob("*.jpg"))) == 6
    dataset = Caltech101(root)
    assert len(dataset) == 1797
    assert len(dataset.classes) == 10
    assert dataset.listed is not None
    train, test = dataset.listed
    assert sorted(train + test) == list(range(1797))
    assert dataset[0][0].size == (64, 64)


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """Writing over what is there is refused."""
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder"):
        write_sample(tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"


def test_the_cached_sample_is_written_once() -> None:
    """A second call gives the same files."""
    first = cached_sample()
    written = (first / "train.txt").stat().st_mtime_ns
    assert cached_sample() == first
    assert (first / "train.txt").stat().st_mtime_ns == written
