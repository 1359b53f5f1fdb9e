"""Weight files and saved models: `validate` and `predict` name the file, and no code in one is ever run."""

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from tests.conftest import save_image
from tests.fuzz.cases import Kind, command
from tests.fuzz.damage import damaged
from tests.fuzz.image_bytes import write_run
from trainables.model_card import CARD, MODEL, digest

NAMES = ("features.0.bias", "features.3.bias", "classifier.6.bias")
SIZES = (64, 192, 2)


class Evil:
    """Pickled, it asks whoever opens it to make a file."""

    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


def torch_bytes(state: Any, zipped: bool = True) -> bytes:
    """Return what torch.save writes."""
    data = io.BytesIO()
    torch.save(state, data, _use_new_zipfile_serialization=zipped)
    return data.getvalue()


def with_record(data: bytes, end: str, record: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip file in which the record whose name ends so is another, with the right checksums."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, record if name.endswith(end) else old.read(name))
    return out.getvalue()


@st.composite
def states(draw: st.DrawFn) -> bytes:
    """Return a file of odd tensors."""
    state: dict[Any, Any] = {name: torch.zeros(size) for name, size in zip(NAMES, SIZES, strict=True)}
    odd = st.sampled_from([
        torch.zeros(64, dtype=torch.int64), torch.zeros(64, dtype=torch.complex64), torch.zeros(64, dtype=torch.bool),
        torch.zeros(64, dtype=torch.float8_e4m3fn), torch.full((64,), float("nan")), torch.full((64,), 1e300, dtype=torch.float64),
        torch.zeros(0), torch.zeros(()), torch.zeros(1).expand(10**12), torch.zeros(64).to_sparse(), torch.zeros(64, device="meta"),
        torch.quantize_per_tensor(torch.zeros(64), 0.1, 0, torch.qint8), torch.zeros(64).half(), torch.zeros(1).expand(64),
        torch.nn.Parameter(torch.zeros(64)), None, "text", 3, [torch.zeros(64)], Evil(), {"a": torch.zeros(1)},
    ])  # fmt: skip
    state[draw(st.sampled_from([*NAMES, "classifier.6.weight", "other", 3, ""]))] = draw(odd)
    if draw(st.booleans()):
        state = draw(st.sampled_from([{"state_dict": state}, {}, [state], Evil(), None, 3]))  # type: ignore[arg-type]
    try:
        return torch_bytes(state, draw(st.booleans()))
    except (RuntimeError, pickle.PicklingError):
        return b""


def kind(folder: Path) -> Kind:
    """Return the cases: a file's name and bytes, and what it is taken for."""
    for name in ("ant", "bee"):
        for place in range(3):
            save_image(folder / "images" / name / f"{place}.png", np.full((64, 64, 3), 90 * place, np.uint8))
    (folder / "sweep.yaml").write_text(
        "name: w\ndata: {root: images, resize: 64, image_size: 64}\nmodel: {arch: alexnet, hidden: 8}\nsearch: {points: [{lr: 0.1}]}\n"
    )
    run_folder = write_run(folder / "run")
    card, model = (run_folder / CARD).read_bytes(), (run_folder / MODEL).read_bytes()
    state = {name: torch.arange(float(size)) for name, size in zip(NAMES, SIZES, strict=True)}
    safe, zipped, legacy = save(state), torch_bytes(state), torch_bytes(state, zipped=False)
    header = 8 + struct.unpack("<Q", safe[:8])[0]
    pickled = zipfile.ZipFile(io.BytesIO(zipped)).read("archive/data.pkl")
    lengths = st.sampled_from([0, 1, header, 2**31, 2**40, 2**63, 2**64 - 1]).map(
        lambda n: struct.pack("<Q", n) + safe[8:]
    )
    files = st.one_of(
        st.tuples(
            st.just("w.safetensors"),
            st.one_of(damaged(safe), damaged(safe[:header]).map(lambda d: d + safe[header:]), lengths),
        ),
        st.tuples(st.just("w.pth"), st.one_of(damaged(zipped), damaged(legacy), states())),
        st.tuples(
            st.just("w.pt"), damaged(pickled).map(lambda record: with_record(zipped, "data.pkl", record))
        ),
        st.tuples(
            st.just("w.pt"), st.just(with_record(zipped, "data/0", b"\0" * 10**6, zipfile.ZIP_DEFLATED))
        ),
        st.tuples(
            st.sampled_from(["w.pth", "w.safetensors"]),
            st.one_of(st.sampled_from([safe, zipped, b""]), st.binary(max_size=30)),
        ),
        st.tuples(
            st.just(CARD),
            st.one_of(
                damaged(card, (b"0", b"9" * 20, b"null", b"{", b"[", b'"', b"NaN", b"-", b"e9")), cards(card)
            ),
        ),
        st.tuples(st.just(MODEL), damaged(model[:2000]).map(lambda data: data + model[2000:])),
    )

    def run(case: tuple[str, bytes]) -> str:
        name, data = case
        if name not in (CARD, MODEL):
            (folder / name).write_bytes(data)
            said = command("validate", "sweep.yaml", "--set", f"model.weights={name}", names=[folder / name])
        else:
            (run_folder / MODEL).write_bytes(data if name == MODEL else model)
            (run_folder / CARD).write_bytes(data if name == CARD else card)
            if name == MODEL:  # as if its card were of it
                changed = json.loads(card) | {"digest": digest(run_folder / MODEL)}
                (run_folder / CARD).write_text(json.dumps(changed))
            said = command(
                "predict", run_folder, "images/ant/1.png", names=[run_folder / MODEL, run_folder / CARD]
            )
        assert not (folder / "ran").exists(), "code in a file was run"
        return said

    return Kind("weight files", files, run)


def cards(card: bytes) -> st.SearchStrategy[bytes]:
    """Return cards of which one value is odd."""
    values = json.loads(card)
    odd = st.sampled_from(
        [
            None,
            0,
            -1,
            1,
            3,
            10**9,
            10**30,
            0.5,
            "x",
            "",
            [],
            {},
            [1],
            ["ant", "ant"],
            ["ant"],
            "alexnet",
            [0, 0, 0],
            True,
        ]
    )

    def changed(key: str, value: Any) -> bytes:
        inner = values["transform"] | ({key: value} if key in values["transform"] else {})
        return json.dumps(values | {"transform": inner} | ({} if key in inner else {key: value})).encode()

    return st.builds(changed, st.sampled_from([*values, *values["transform"]]), odd)
