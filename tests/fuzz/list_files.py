"""Split lists: `upsweep validate` names the list and the line, and no line leads out of the folder."""

import os
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from tests.conftest import save_image
from tests.fuzz.cases import Kind, command
from tests.fuzz.damage import damaged

LINES = (
    "../outside/ant/0.png", "ant/../../outside/ant/0.png", "/etc/passwd", "ant/\0.png", "ant", "ant/", "//ant/0.png", "./ant/0.png",
    "ant/./1.png", "ant//2.png", "dog/0.png", "BACKGROUND_Google/x.png", "bee/0.png\r", "  bee/1.png  ", "ant/\x85.png", "é/0.png",
    "ant/" + "x" * 5000, "~/ant/0.png", "ant\\0.png", "", "#", "bee/2.png",
)  # fmt: skip


def kind(folder: Path) -> Kind:
    """Return the cases: the bytes of both lists."""
    for name in ("ant", "bee"):
        for place in range(4):
            save_image(folder / "images" / name / f"{place}.png", np.full((70, 80, 3), 60 * place, np.uint8))
            save_image(folder / "outside" / name / f"{place}.png", np.full((70, 80, 3), 1, np.uint8))
    (folder / "sweep.yaml").write_text(
        "name: lists\ndata: {root: linked, resize: 64, image_size: 64}\nmodel: {arch: alexnet}\nsearch: {points: [{lr: 0.1}]}\n"
    )
    os.symlink("images", folder / "linked")
    train, test = b"ant/0.png\nant/1.png\nbee/0.png\nbee/1.png\n", b"ant/2.png\nbee/2.png\n"
    odd = st.lists(st.sampled_from(LINES), max_size=5).map(lambda lines: train + "\n".join(lines).encode())
    tokens = (b"../", b"/", b"\0", b"\xff", b"\r\n", b"\n", b"\xef\xbb\xbf", b"ant/2.png\n")

    def run(case: tuple[bytes, bytes]) -> str:
        for name, data in zip(("train.txt", "test.txt"), case, strict=True):
            (folder / "images" / name).write_bytes(data)
        return command(
            "validate", "sweep.yaml", names=["train.txt:", "test.txt:", "is in both lists", "split is empty"]
        )

    pairs = st.tuples(
        st.one_of(damaged(train, tokens), odd, st.binary(max_size=30)),
        st.one_of(st.just(test), damaged(test, tokens)),
    )
    return Kind("list files", pairs, run)
