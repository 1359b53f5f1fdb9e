"""Whether a machine is like the driver's, by real folders."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from data_utils.folder import ImageFolder
from trainables.alike import UnlikeMachineError, digest_of, of_this_machine, refuse_unlike


def test_a_machine_is_like_itself(images: Path) -> None:
    """Also when the folder has been copied, with other times."""
    weights = images / "weights.pth"
    weights.write_bytes(b"1234")
    needs = of_this_machine(str(images), ImageFolder(images), [str(weights)])
    assert needs.problems() == []
    refuse_unlike(asdict(needs))
    refuse_unlike(None)


def test_all_that_differs_is_said_at_once(images: Path) -> None:
    """A version, a package that is not there, images of other sizes, weights of another length or none."""
    weights = images / "weights.pth"
    weights.write_bytes(b"1234")
    needs = of_this_machine(str(images), ImageFolder(images), [str(weights)])
    weights.write_bytes(b"12345")
    (images / "ant" / "0.jpg").write_bytes(b"")
    needs = replace(
        needs,
        host="driver",
        versions={"python": "2.7", "no-such-package": "1"},
        weights={**needs.weights, f"{images}/none.pth": 4},
    )
    with pytest.raises(UnlikeMachineError) as raised:
        refuse_unlike(asdict(needs))
    said = [problem.partition(";")[0] for problem in raised.value.problems]
    assert said[0].startswith("has python 3.")
    assert said[0].endswith(", and driver has 2.7")
    assert said[1:] == [
        "has no-such-package not at all, and driver has 1",
        f"data.root: {images} holds other images than on driver, by their names and sizes",
        f"model.weights: {weights} has 5 bytes, and 4 on driver",
        f"model.weights: {images}/none.pth cannot be read (No such file or directory)",
    ]


def test_a_folder_that_is_not_there_is_named(images: Path) -> None:
    """With what to do about it."""
    needs = replace(of_this_machine(str(images), ImageFolder(images), []), root=f"{images}/none")
    (problem,) = needs.problems()
    assert problem.startswith(f"data.root: {images}/none: no such folder;")
    assert "tar or zip by s3:// or https://" in problem


def test_a_digest_depends_on_names_sizes_and_lists(images: Path) -> None:
    """Not on what is in the images, which would be read over the network, nor on times."""
    before = digest_of(ImageFolder(images))
    first = images / "ant" / "0.jpg"
    first.write_bytes(bytes(first.stat().st_size))
    assert digest_of(ImageFolder(images)) == before
    (images / "train.txt").write_text(
        "".join(f"{name}/{i}.jpg\n" for name in ("ant", "bee", "cat") for i in range(4))
    )
    (images / "test.txt").write_text(
        "".join(f"{name}/{i}.jpg\n" for name in ("ant", "bee", "cat") for i in (4, 5))
    )
    listed = digest_of(ImageFolder(images))
    assert listed != before
    first.rename(images / "ant" / "00.jpg")
    (images / "train.txt").write_text((images / "train.txt").read_text().replace("ant/0.jpg", "ant/00.jpg"))
    assert digest_of(ImageFolder(images)) != listed
