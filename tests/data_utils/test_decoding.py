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


@pytest.mark.parametrize(("white", "gray"), [(65535, 32768), (4095, 2048), (1023, 512)])
def test_a_pgm_of_many_bits_is_scaled_down(tmp_path: Path, white: int, gray: int) -> None:
    """By the white that it names, where Pillow calls its pixels 32 bits and would cut them off."""
    pixels = np.array([[0, 0], [gray, white]], ">u2").tobytes()
    (tmp_path / "x.pgm").write_bytes(b"P5\n2 2\n%d\n" % white + pixels)
    assert decode(str(tmp_path / "x.pgm"), 2)[..., 0].tolist() == [[0, 0], [128, 255]]


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_pixels_of_unknown_range_are_refused(tmp_path: Path, kind: type) -> None:
    """Of which Pillow would make black or white."""
    Image.fromarray(np.full((4, 4), 1, kind)).save(tmp_path / "x.tif")
    with pytest.raises(BadImageError, match="has a channel of 32 bits"):
        decode(str(tmp_path / "x.tif"), 4)


@pytest.mark.parametrize(("form", "mode"), [("JPEG", "RGB"), ("PNG", "L"), ("PNG", "I;16"), ("WEBP", "RGB")])
def test_a_picture_is_turned_upright(tmp_path: Path, form: str, mode: str) -> None:
    """As the camera noted: 6 wants a quarter turn to the right, so that what is at the left comes to the top."""
    wide = np.zeros((16, 32), np.uint8)
    wide[:, :16] = 255
    pixels = wide.astype(np.uint16) * 257 if mode == "I;16" else wide
    note = Image.Exif()
    note[0x0112] = 6
    picture = Image.fromarray(pixels)
    (picture.convert("RGB") if mode == "RGB" else picture).save(tmp_path / "x", form, exif=note)
    upright = decode(str(tmp_path / "x"), 16)
    assert upright.shape == (32, 16, 3)
    assert upright[:12].min() > 250
    assert upright[20:].max() < 5


def test_a_broken_note_of_a_camera_is_passed_over(tmp_path: Path) -> None:
    """The picture is whole."""
    Image.new("RGB", (32, 16)).save(tmp_path / "x.png", exif=b"Exif\0\0no header of TIFF")
    with pytest.raises(SyntaxError), Image.open(tmp_path / "x.png") as image:
        image.getexif()
    assert decode(str(tmp_path / "x.png"), 16).shape == (16, 32, 3)
