"""Small copies of real images."""

import base64
import io
from pathlib import Path

from PIL import Image

from tuning.thumbnails import thumbnails


def test_a_thumbnail_is_a_small_jpeg(images: Path) -> None:
    """In its own proportions: 90 x 70 stays as it is, a large one shrinks to 112 pixels."""
    Image.new("L", (1120, 560), 200).save(images / "ant" / "wide.png")
    found = thumbnails(str(images), ["ant/0.jpg", "ant/wide.png"])
    assert [opened(uri).size for uri in found.values()] == [(90, 70), (112, 56)]
    assert all(opened(uri).mode == "RGB" for uri in found.values())


def test_what_cannot_be_shown_is_left_out(images: Path) -> None:
    """An image that is gone, one that is torn, one outside the folder, a folder that is gone."""
    (images / "bee" / "1.jpg").write_text("no image")
    outside = images.parent / "secret.jpg"
    outside.write_bytes((images / "ant" / "0.jpg").read_bytes())
    names = ["ant/0.jpg", "ant/gone.jpg", "bee/1.jpg", "../secret.jpg", str(outside)]
    assert list(thumbnails(str(images), names)) == ["ant/0.jpg"]
    assert thumbnails(str(images / "none"), names) == {}


def opened(uri: str) -> Image.Image:
    """Return the image of a `data:` URI."""
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))
