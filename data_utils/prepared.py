"""A folder made ready to train on: data set, splits and pixel store that fit each other."""

import logging
from dataclasses import dataclass

from data_utils.archive import fetched_archive, is_archive, shown_root
from data_utils.errors import InputError
from data_utils.folder import EXTENSIONS, ImageFolder
from data_utils.pixel_store import PixelStore, Progress
from data_utils.sample import cached_sample
from data_utils.splits import Splits

logger = logging.getLogger(__name__)

SAMPLE = "sample"
"""In place of a folder: the embedded sample."""

SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing"})
"""What folders are called that hold a split each, in lower case."""


@dataclass(frozen=True, eq=False)
class PreparedData:
    """What a trial needs of its images; sample i of the data set is image i of the store."""

    classes: list[str]
    splits: Splits
    store: PixelStore
    skipped: dict[str, str]
    """{`class/image.jpg`: why} of the images left out because they could not be decoded."""


def open_folder(root: str) -> ImageFolder:
    """Return the images of a folder, of an archive at a server, or the embedded sample for "sample".

    Raises:
        InputError: no such folder, an archive that cannot be fetched, no images, lists that do not fit.
    """
    if is_archive(root):
        return ImageFolder(fetched_archive(root))
    return ImageFolder(cached_sample() if root == SAMPLE else root)


def open_split(root: str, seed: int = 0) -> tuple[ImageFolder, Splits]:
    """Return the images of a folder to train on, and their splits.

    Raises:
        InputError: as `open_folder`, or it holds one class, or splits, or folders of other files where no lists say what is
            used; or a split is empty.
    """
    dataset = open_folder(root)
    subject = shown_root(root) if is_archive(root) else str(dataset.folder)
    if dataset.without_images and dataset.listed is None:
        remedy = f"save them in one of {', '.join(EXTENSIONS)}, or take the folder out"
        raise InputError(subject, [f"{found} holds no images; {remedy}" for found in dataset.without_images])
    if problem := _no_classes(dataset):
        packed = is_archive(root)
        remedy = "pack the folder of classes alone" if packed else "name the folder of classes as data.root"
        raise InputError(subject, [f"{problem}; {remedy}"])
    splits = Splits.of(dataset, seed)
    splits.check(str(dataset.root))
    return dataset, splits


def _no_classes(dataset: ImageFolder) -> str | None:
    """Return what shows that a folder is one too high, so that its folders are taken for classes; or None."""
    classes = dataset.classes
    if {name.lower() for name in classes} <= SPLIT_NAMES:
        return (
            f"holds splits ({', '.join(classes)}) in place of classes: {classes[0]} alone would be split for you, and a "
            f"split of your own is given by train.txt and test.txt"
        )
    if len(classes) > 1:
        return None
    inside = sorted({parts[1] for name in dataset.names if len(parts := name.split("/")) > 2})
    held = f" (it holds {', '.join(inside[:3])}{', ...' * (len(inside) > 3)})" if len(inside) > 1 else ""
    return f"holds one class, {classes[0]!r}{held}, where there is nothing to learn"


def prepare(
    root: str,
    *,
    resize: int,
    split_seed: int = 0,
    on_bad_image: str = "error",
    progress: Progress | None = None,
) -> PreparedData:
    """Open a folder's data set, splits and store, decoding what has not been decoded before.

    Args:
        root: a folder, the place of an archive, or "sample".
        resize: pixels of the stored images' short side.
        split_seed: for a folder without lists.
        on_bad_image: "error" refuses images that cannot be decoded, naming all of them; "skip" leaves them out, and
            all others stay in the split they were in.

    Raises:
        InputError: anything about the folder, its lists or its images that cannot be used.
    """
    dataset, splits = open_split(root, split_seed)
    store = PixelStore.of(dataset, resize, progress)
    skipped = {dataset.names[index]: error for index, error in store.errors.items()}
    if on_bad_image == "error":
        refuse_bad(store, dataset, "mend or remove them, or leave them out with --set data.on_bad_image=skip")
    if skipped:
        logger.warning("left out, as they cannot be decoded: %s", ", ".join(skipped))
        splits = splits.without(store.errors)
        splits.check(str(dataset.root))
    return PreparedData(dataset.classes, splits, store, skipped)


def refuse_bad(store: PixelStore, dataset: ImageFolder, remedy: str) -> None:
    """Raise InputError for the images of a folder that cannot be decoded, all of them at once."""
    if store.errors:
        raise InputError(
            f"{len(store.errors)} of {len(dataset)} images in {dataset.folder} cannot be decoded; {remedy}",
            [f"{store.names[index]}: {why}" for index, why in store.errors.items()],
        )
