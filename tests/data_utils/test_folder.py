"""The folder of classes and its lists."""

import os
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets.folder import IMG_EXTENSIONS

from data_utils.errors import InputError
from data_utils.folder import EXTENSIONS, ImageFolder, by_extension
from tests.conftest import save_image


def test_a_folder_tree_gives_sorted_classes_and_names(images: Path) -> None:
    """Labels are places in the sorted class names; the background, hidden files and files of other kinds are none."""
    (images / "BACKGROUND_Google").mkdir()
    (images / "BACKGROUND_Google" / "x.jpg").write_bytes(b"")
    (images / "ant" / "notes.txt").write_text("")
    (images / "ant" / ".hidden.jpg").write_bytes(b"")
    dataset = ImageFolder(images)
    assert dataset.classes == ["ant", "bee", "cat"]
    assert dataset.names[:2] == ["ant/0.jpg", "ant/1.jpg"]
    assert dataset.targets == [0] * 6 + [1] * 6 + [2] * 6
    assert dataset.listed is None


def test_lists_name_the_samples(images: Path) -> None:
    """With both lists only what they list is a sample, and background lines are dropped."""
    (images / "train.txt").write_text("bee/1.jpg\nBACKGROUND_Google/image_0001.jpg\nant/5.jpg\n")
    (images / "test.txt").write_text("cat/0.jpg\n\n")
    dataset = ImageFolder(images)
    assert dataset.names == ["ant/5.jpg", "bee/1.jpg", "cat/0.jpg"]
    assert dataset.listed == ([1, 0], [2])


def test_all_problems_of_the_lists_are_raised_at_once(images: Path) -> None:
    """Each problem names file and line."""
    (images / "train.txt").write_text(
        "ant/0.jpg\nant/9.jpg\ndog/1.jpg\ndog/2.jpg\n../x.jpg\nant/0.jpg\nbee/0.jpg\n"
    )
    (images / "test.txt").write_text("bee/0.jpg\n")
    with pytest.raises(InputError) as raised:
        ImageFolder(images)
    lists = images / "train.txt"
    assert list(raised.value.problems) == [
        f"{lists}:2: listed image 'ant/9.jpg' is missing; restore it or take it off the list",
        f"{lists}:5: '../x.jpg' is not of the form class/image.jpg",
        f"{lists}:6: 'ant/0.jpg' is listed before, on line 1; list it once",
        f"{lists}:3: class 'dog' has no folder; add the folder or take its lines off the list",
        "'bee/0.jpg' is in both lists; test images must not be trained on",
    ]


def test_one_list_alone_is_refused(images: Path) -> None:
    """A train list without a test list says which is missing."""
    (images / "train.txt").write_text("ant/0.jpg\n")
    with pytest.raises(InputError, match=r"train\.txt without test\.txt"):
        ImageFolder(images)


@pytest.mark.parametrize(("make", "said"), [(False, "no such folder"), (True, "no images")])
def test_a_folder_that_is_missing_or_empty_is_named(tmp_path: Path, make: bool, said: str) -> None:
    """The message names the folder."""
    root = tmp_path / "nothing"
    if make:
        (root / "a_class").mkdir(parents=True)
    with pytest.raises(InputError, match=f"nothing: {said}"):
        ImageFolder(root)


def test_what_is_passed_over_is_counted(images: Path) -> None:
    """By its extension, so that a user sees what is no image; hidden files, and those beside the classes, are not."""
    (images / "notes.md").write_text("")
    for name in ("a.GIF", "b.gif", "deep/c.heic", "README", ".DS_Store"):
        (images / "bee" / name).parent.mkdir(exist_ok=True)
        (images / "bee" / name).write_bytes(b"")
    dataset = ImageFolder(images)
    assert by_extension(dataset.passed_over) == "4 files: .gif 2, no extension 1, .heic 1"
    assert len(dataset) == 18


def test_folders_without_images_are_no_classes(images: Path) -> None:
    """They are told of with what they hold; an empty one, or one of what macOS leaves, is nothing."""
    for name in ("dog", "eel", "fox", "__MACOSX"):
        (images / name).mkdir()
    (images / "__MACOSX" / "._0.jpg").write_bytes(b"")
    (images / "dog" / "0.jfif").write_bytes((images / "ant" / "0.jpg").read_bytes())
    (images / "eel" / os.fsdecode(b"1.\xff\x1b[31m")).write_bytes(b"")
    for i in range(20):
        (images / "eel" / f"frame.{i:03d}").write_bytes(b"")
    dataset = ImageFolder(images)
    assert dataset.classes == ["ant", "bee", "cat"]
    assert dataset.without_images == [
        "'dog' (1 file: .jfif 1)",
        "'eel' (21 files: .000 1, .001 1, .002 1, .003 1, .004 1, ...)",
    ]
    assert dataset.passed_over[".jfif"] == 1
    assert dataset.passed_over[".??[31m"] == 1


def test_caltech101_whole(caltech101: Path) -> None:
    """The course split's own numbers, from the paper."""
    dataset = ImageFolder(caltech101)
    assert len(dataset.classes) == 101
    assert dataset.listed is not None
    assert [len(part) for part in dataset.listed] == [5784, 2893]


def test_the_extensions_are_torchvisions() -> None:
    """Spelt out, since importing torchvision takes seconds."""
    assert EXTENSIONS == IMG_EXTENSIONS


def test_links_that_lead_out_of_the_root_are_refused(images: Path, tmp_path: Path) -> None:
    """An image's and a class's, each named with where it leads; a link to an image inside, and to the root, is none."""
    save_image(tmp_path / "outside" / "x.png", np.zeros((4, 4, 3), np.uint8))
    (images / "ant" / "9.jpg").symlink_to("0.jpg")
    (tmp_path / "link").symlink_to(images)
    assert ImageFolder(tmp_path / "link").names[6] == "ant/9.jpg"
    (images / "bee" / "9.png").symlink_to(tmp_path / "outside" / "x.png")
    (images / "dog").symlink_to("../outside")
    with pytest.raises(InputError) as raised:
        ImageFolder(tmp_path / "link")
    assert sorted(raised.value.problems) == [
        f"'bee/9.png' is a link out of the folder, to {tmp_path}/outside/x.png; copy it here, or name that folder as data.root",
        f"'dog' is a link out of the folder, to {tmp_path}/outside; copy it here, or name that folder as data.root",
    ]


def test_lists_of_odd_bytes_are_named_with_the_line(images: Path) -> None:
    """What is not UTF-8, a NUL, an absolute path; a byte order mark and carriage returns are nothing."""
    (images / "test.txt").write_bytes(b"\xef\xbb\xbfcat/0.jpg\r\ncat/1.jpg\r\n")
    (images / "train.txt").write_bytes(b"ant/0.jpg\nant/\xff.jpg\n")
    with pytest.raises(InputError, match=r"train\.txt:2: is not UTF-8 text"):
        ImageFolder(images)
    (images / "train.txt").write_text(f"ant/0.jpg\nant/\0.jpg\n{images}/ant/1.jpg\n")
    with pytest.raises(InputError) as raised:
        ImageFolder(images)
    assert list(raised.value.problems) == [
        f"{images}/train.txt:2: listed image 'ant/\\x00.jpg' is missing; restore it or take it off the list",
        f"{images}/train.txt:3: '{images}/ant/1.jpg' is not of the form class/image.jpg",
    ]
