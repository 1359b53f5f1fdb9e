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
    dataset = open_folder(root)
    splits = Splits.of(dataset, split_seed)
    splits.check(str(dataset.root))
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
