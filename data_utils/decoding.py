"""One image file to pixels: what can be decoded, and what is refused before it is."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from data_utils.errors import InputError

Pixels = npt.NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF", "AVIF", "JPEG2000")
"""Tried on a file whatever it is called. Pillow knows others, of which one (EPS) would start Ghostscript."""

MOST_PIXELS = 2 * 89_478_485
"""Of an image, before and after it is resized: half a gigabyte. Pillow's own limit, which can be switched off."""


class BadImageError(ValueError):
    """An image that cannot be decoded, and why."""


def decode(path: str, resize: int) -> Pixels:
    """Return an image file as (height, width, 3) uint8 RGB with the short side resized.

    Raises:
        BadImageError: the file is no image, is cut off, or is too large, which is told before it is decoded.
        InputError: the file cannot be read.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:  # the disk's or network's word, not the picture's: it may be readable next time
        raise InputError(path, [f"cannot be read: {error.strerror}; try again"]) from error
    try:
        return _decode(data, resize)
    except BadImageError:
        raise
    except UnidentifiedImageError as error:
        raise BadImageError("cannot identify image file") from error
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        said = str(error).splitlines()
        raise BadImageError(said[0] if said else f"cannot be decoded ({type(error).__name__})") from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a picture in 8-bit RGB, upright: turned as the camera noted that it was held.

    16 bits are scaled down, where Pillow would make 255 of all but the darkest.

    Raises:
        BadImageError: its one channel has 32 bits, of which no file says what is black and what is white.
    """
    image.load()
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:  # or it would be kept as it lies
        raise
    except Exception:  # a broken note makes Pillow raise nearly anything, and the picture is whole
        pass
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        # Of a PGM of more than 8 bits, whatever its white is, Pillow makes 16, and calls them 32.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise BadImageError("has a channel of 32 bits, of unknown black and white; save it with 8 or 16")
    return image if image.mode == "RGB" else image.convert("RGB")


def _decode(data: bytes, resize: int) -> Pixels:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        short, long = sorted(image.size)
        if width * height > MOST_PIXELS:
            raise BadImageError(f"is {width} x {height}, more than {MOST_PIXELS:,} pixels; make it smaller")
        if resize * resize * long / short > MOST_PIXELS:
            raise BadImageError(f"its sides, {width} x {height}, are too unequal to resize to {resize}")
        rgb = to_rgb(image)
        width, height = rgb.size
        if short != resize:
            scaled = int(resize * long / short)  # torchvision's own rounding
            rgb = rgb.resize(
                (resize, scaled) if width < height else (scaled, resize), Image.Resampling.BILINEAR
            )
        return np.asarray(rgb)
