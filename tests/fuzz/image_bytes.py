"""Images: `predict` names a bad one and answers for the others, `evaluate` refuses it, `on_bad_image: skip` goes on."""

import io
import json
import struct
import zlib
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from data_utils.prepared import prepare
from tests.conftest import save_image
from tests.fuzz.cases import Kind, call, command
from tests.fuzz.damage import damaged
from trainables.model_card import CARD, MODEL, digest
from trainables.models import build

ARCH = "squeezenet1_1"


def write_run(folder: Path) -> Path:
    """Write what `predict` needs of a sweep's folder: a small network that has learnt nothing."""
    folder.mkdir()
    save_file(build(ARCH, 2, init="kaiming").state_dict(), folder / MODEL)
    transform = {"resize": 32, "image_size": 32, "mean": [0.5] * 3, "std": [0.5] * 3}
    card = {
        "arch": ARCH, "hidden": 4096, "classes": ["ant", "bee"], "transform": transform, "precision": "fp32",
        "digest": digest(folder / MODEL), "seed": 0,
    }  # fmt: skip
    (folder / CARD).write_text(json.dumps(card))
    return folder


def encoded() -> list[bytes]:
    """Return one small picture in every format and mode that there is."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (36, 44, 3), dtype=np.uint8))
    forms: list[tuple[str, str, dict[str, Any]]] = [
        ("JPEG", "RGB", {}), ("JPEG", "L", {}), ("JPEG", "CMYK", {}), ("JPEG", "RGB", {"progressive": True}),
        ("PNG", "RGB", {}), ("PNG", "RGBA", {}), ("PNG", "P", {"transparency": b"\x01\x80"}), ("PNG", "1", {}), ("PNG", "I;16", {}),
        ("TIFF", "RGB", {}), ("TIFF", "RGB", {"compression": "tiff_lzw"}), ("TIFF", "RGB", {"compression": "jpeg"}), ("TIFF", "F", {}),
        ("BMP", "RGB", {}), ("BMP", "P", {}), ("PPM", "RGB", {}), ("WEBP", "RGB", {}), ("WEBP", "RGBA", {"lossless": True}),
        ("GIF", "P", {"save_all": True, "append_images": [picture.rotate(90)]}),
        ("WEBP", "RGB", {"save_all": True, "append_images": [picture.rotate(90)]}),
    ]  # fmt: skip
    found = []
    for form, mode, options in forms:
        data = io.BytesIO()
        image = picture.convert("L").convert("I").convert("I;16") if mode == "I;16" else picture.convert(mode)
        image.save(data, form, **options)
        found.append(data.getvalue())
    return found


def png_of(width: int, height: int, depth: int, colour: int) -> bytes:
    """Return a PNG whose header says that it is of this size, with the right checksum and a few bytes of data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def kind(folder: Path) -> Kind:
    """Return the cases: a picture's bytes, its name, and which command sees it."""
    run_folder, root = write_run(folder / "run"), folder / "images"
    for name in ("ant", "bee"):
        for place in range(4):
            save_image(root / name / f"{place}.png", np.full((36, 44, 3), 60 * place, np.uint8))
    sides = st.sampled_from([0, 1, 40, 13_000, 20_000, 70_000, 2**31 - 1, 2**32 - 1])
    pictures = st.one_of(
        st.sampled_from(encoded()).flatmap(damaged),
        st.builds(png_of, sides, sides, st.sampled_from([1, 8, 16]), st.sampled_from([0, 2, 3, 4, 6])),
        st.builds(lambda w, h: f"P6 {w} {h} 255\n".encode() + b"\1" * 99, sides, sides),
        st.binary(max_size=40),
        st.just(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 30 30\n%%EndComments\nshowpage\n"),
    )
    number = count()

    def run(case: tuple[bytes, str]) -> str:
        data, how = case
        for old in root.glob("ant/x*.jpg"):
            old.unlink()
        image = (
            root / "ant" / f"x{next(number)}.jpg"
        )  # a new name each, since a store is known by name, size and time
        image.write_bytes(data)
        if how == "predict":
            return command("predict", run_folder, root / "bee" / "1.png", image, names=[image])
        if how == "evaluate":
            return command("evaluate", run_folder, "--data", root, names=[f"ant/{image.name}"])
        skipped: dict[str, str] = {}
        said = call(
            lambda: skipped.update(prepare(str(root), resize=32, on_bad_image="skip").skipped), [image.name]
        )
        assert skipped.keys() <= {f"ant/{image.name}"}
        return said or "".join(skipped.values())

    return Kind("image bytes", st.tuples(pictures, st.sampled_from(["predict", "evaluate", "skip"])), run)
