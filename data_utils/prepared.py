"""A folder made ready to train on: data set, splits and pixel store that fit each other."""

import logging
from dataclasses import dataclass

from data_utils.archive import fetched_archive, is_archive
from data_utils.errors import InputError
from data_utils.folder import ImageFolder
from data_utils.pixel_store import PixelStore, Progress
from data_utils.sample import cached_sample
from data_utils.splits import Splits

logger = logging.getLogger(__name__)

SAMPLE = "sample"
"""In place of a folder: the embedded sample."""


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


SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing"})
"""What folders are called that hold a split each, in lower case."""


def open_split(root: str, seed: int = 0) -> tuple[ImageFolder, Splits]:
    """Return the images of a folder to train on, and their splits.

    Raises:
        InputError: as `open_folder`, or folders that are no classes of a classification, or an empty split.
    """
    dataset = open_folder(root)
    if problem := _no_classes(dataset):
        raise InputError(str(dataset.folder), [problem])
    splits = Splits.of(dataset, seed)
    splits.check(str(dataset.root))
    return dataset, splits


def _no_classes(dataset: ImageFolder) -> str | None:
    """Return what shows that a folder is one too high, so that its folders are taken for classes; or None."""
    if {name.lower() for name in dataset.classes} <= SPLITS:
        return (
            f"holds splits ({', '.join(dataset.classes)}) in place of classes; name the folder of classes, such as "
            f"{dataset.folder / dataset.classes[0]}, which is split for you, or by its own train.txt and test.txt"
        )
    if len(dataset.classes) > 1:
        return None
    one = dataset.classes[0]
    inside = sorted({parts[1] for name in dataset.names if len(parts := name.split("/")) > 2})
    remedy = (
        f"if {', '.join(inside[:3])}{', ...' * (len(inside) > 3)} in it are the classes, name {dataset.folder / one}"
        if len(inside) > 1
        else "data.root names a folder of one folder of images a class"
    )
    return f"holds one class, {one!r}, where there is nothing to learn; {remedy}"


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
