"""A folder made ready, bad images or not."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from data_utils.errors import InputError
from data_utils.prepared import open_folder, prepare
from tests.conftest import save_image


def break_two(images: Path) -> None:
    """Cut one image off and put text in place of another."""
    whole = (images / "ant" / "3.jpg").read_bytes()
    (images / "ant" / "3.jpg").write_bytes(whole[:200])
    (images / "cat" / "5.jpg").write_text("cat")


def test_all_bad_images_are_named_at_once(images: Path) -> None:
    """The message holds every name and the remedy."""
    break_two(images)
    with pytest.raises(InputError, match=r"2 of 18 images .* data\.on_bad_image=skip") as raised:
        prepare(str(images), resize=64)
    assert [problem.partition(":")[0] for problem in raised.value.problems] == ["ant/3.jpg", "cat/5.jpg"]


def test_bad_images_can_be_left_out(images: Path) -> None:
    """They are in no split, and the others stay where they were."""
    whole = prepare(str(images), resize=64).splits
    break_two(images)
    data = prepare(str(images), resize=64, on_bad_image="skip")
    assert sorted(data.skipped) == ["ant/3.jpg", "cat/5.jpg"]
    kept = {3, 17}
    for ours, theirs in (
        (data.splits.train, whole.train),
        (data.splits.val, whole.val),
        (data.splits.test, whole.test),
    ):
        assert ours.tolist() == [i for i in theirs.tolist() if i not in kept]


def test_a_folder_that_is_one_too_high_is_refused(images: Path, tmp_path: Path) -> None:
    """Its one folder, or its splits, would be classes, and accuracies without meaning."""
    remedy = "name the folder of classes as data.root"
    with pytest.raises(InputError) as raised:
        prepare(str(tmp_path), resize=64)
    held = "holds one class, 'images' (it holds ant, bee, cat), where there is nothing to learn"
    assert str(raised.value) == f"{tmp_path}: {held}; {remedy}"
    save_image(tmp_path / "one" / "only" / "0.png", np.zeros((70, 70, 3), np.uint8))
    with pytest.raises(InputError, match="one class, 'only', where there is nothing to learn"):
        prepare(str(tmp_path / "one"), resize=64)
    both = tmp_path / "both"
    both.mkdir()
    images.rename(both / "Train")
    shutil.copytree(both / "Train", both / "val")
    with pytest.raises(InputError) as raised:
        prepare(str(both), resize=64)
    held = (
        "holds splits (Train, val) in place of classes: Train alone would be split for you, and a split of your own is given "
        "by train.txt and test.txt"
    )
    assert str(raised.value) == f"{both}: {held}; {remedy}"
    assert len(prepare(str(both / "Train"), resize=64).classes) == 3


def test_a_class_of_other_files_is_refused_unless_lists_say_what_is_used(images: Path) -> None:
    """It would be no class, without a word."""
    (images / "notes").mkdir()
    (images / "notes" / "a.gif").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"'notes' \(1 file: \.gif 1\) holds no images; save them in one of \.jpg, "
    ):
        prepare(str(images), resize=64)
    assert open_folder(str(images)).classes == ["ant", "bee", "cat"]  # to evaluate on
    for name, listed in (("train", ["ant/0.jpg", "bee/0.jpg"]), ("test", ["ant/1.jpg"])):
        (images / f"{name}.txt").write_text("\n".join(listed))
    assert len(prepare(str(images), resize=64).splits.train) == 1


def test_the_sample_goes_by_its_name() -> None:
    """`sample` is the embedded one."""
    assert len(prepare("sample", resize=64).classes) == 10
