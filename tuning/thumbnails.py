"""Small copies of test images, to be put into a page."""

import base64
import io
import logging
from collections.abc import Iterable

from PIL import Image

from data_utils.archive import archive_folder, is_archive
from data_utils.decoding import FORMATS, to_rgb
from data_utils.errors import InputError
from data_utils.places import is_s3, s3_place
from data_utils.prepared import open_folder

logger = logging.getLogger(__name__)

SIDE = 112
"""Pixels of the longer side, at most."""
QUALITY = 72
"""Of the JPEGs: two or three kilobytes each."""


def thumbnails(root: str, names: Iterable[str]) -> dict[str, str]:
    """Return {name: `data:` URI of a JPEG} of a folder's images; those that are not there or not whole are left out.

    Args:
        root: a sweep's `data.root`.
        names: `class/image.jpg`, as `predictions.parquet` has them; looked up among the folder's own images, so a
            table cannot name a file outside.
    """
    if not (names := list(names)):
        return {}
    try:
        root = s3_place(root) if is_s3(root) else root
        if is_archive(root) and not archive_folder(root).is_dir():
            raise InputError(root, ["is not in the cache, and is not fetched for a report"])
        folder = open_folder(root)
    except InputError as error:
        logger.info("no example images in the report: %s", error)
        return {}
    paths = {name: path for name, (path, _) in zip(folder.names, folder.samples, strict=True)}
    found = {}
    for name in names:
        if name in paths:
            try:
                found[name] = _thumbnail(paths[name])
            except Exception as error:  # a broken file makes Pillow raise nearly anything
                logger.info("no example image of %s in the report: %s", name, error)
    return found


def _thumbnail(path: str) -> str:
    with Image.open(path, formats=FORMATS) as image:
        image.draft("RGB", (SIDE, SIDE))  # JPEG's own coarse decoding: a photograph need not be decoded whole
        small = to_rgb(image).copy()
    small.thumbnail((SIDE, SIDE))
    data = io.BytesIO()
    small.save(data, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")
