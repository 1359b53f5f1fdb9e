"""What is decoded, and what is refused first."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_utils.decoding import BadImageError, decode
from data_utils.errors import InputError


def png(width: int, height: int) -> bytes:
    """Return a PNG of a hundred bytes that says it is of this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_a_bomb_is_refused_by_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what its header says, with Pillow's own limit and without."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png(20_000, 20_000))
    with pytest.raises(BadImageError, match="400000000 pixels"):
        decode(str(path), 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(BadImageError, match="is 20000 x 20000, more than 178,956,970 pixels"):
        decode(str(path), 64)


def test_postscript_is_no_image(tmp_path: Path) -> None:
    """Pillow would hand it to Ghostscript, whatever the file is called."""
    path = tmp_path / "x.jpg"
    Image.new("RGB", (30, 30)).save(path, "EPS")
    with pytest.raises(BadImageError, match="cannot identify image file"):
        decode(str(path), 30)


def test_a_file_that_cannot_be_read_is_not_a_bad_image(tmp_path: Path) -> None:
    """It may be readable next time."""
    with pytest.raises(InputError, match="cannot be read: No such file"):
        decode(str(tmp_path / "none.jpg"), 30)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("CMYK", "JPEG"), ("L", "PNG"), ("1", "PNG"), ("P", "GIF"), ("RGBA", "WEBP"), ("LA", "PNG")],
)
def test_every_mode_gives_three_channels(tmp_path: Path, mode: str, form: str) -> None:
    """As Pillow converts it."""
    data = io.BytesIO()
    Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(data, form)
    (tmp_path / "x.jpg").write_bytes(data.getvalue())
    pixels = decode(str(tmp_path / "x.jpg"), 4)
    assert pixels.shape == (4, 6, 3)
    assert np.abs(pixels.astype(int) - 255).max() <= 8


def test_sixteen_bits_are_scaled_down(tmp_path: Path) -> None:
    """Pillow makes 255 of all that is more."""
    Image.fromarray(np.array([[0, 255], [256, 65535]], np.uint16)).save(tmp_path / "x.png")
    assert decode(str(tmp_path / "x.png"), 2)[..., 0].tolist() == [[0, 0], [1, 255]]
