"""What a resume goes on from, and what is kept of images: damaged, it is named or built again, and never read as another.

No command that ends here starts Ray: what `upsweep resume` reads before it does is called in its order.
"""

import io
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn

from data_utils.caches import kept
from data_utils.features import KeptFeatures
from data_utils.folder import ImageFolder
from data_utils.pixel_store import PixelStore
from data_utils.sealed_json import sealed
from tests.conftest import save_image
from tests.fuzz.cases import Kind, call
from tests.fuzz.damage import damaged
from tests.tuning.rows import curve, specs
from trainables.classifier import CHECKPOINT, RESULTS
from trainables.kept_state import load_state
from trainables.learner import Learner
from tuning.config import Sweep
from tuning.ending import ENDING, Ending, read_ending, write_ending
from tuning.journal import FOLDER, checkpoints, restore
from tuning.pinned import SETTINGS, check_settings, keep_settings
from tuning.recorder import Recorder
from tuning.retrain import Retrained
from tuning.retrains import Retrains

Read = Callable[[], Any]
"""Reads a file as upsweep does, and returns what it says."""


def kind(folder: Path) -> Kind:
    """Return the cases: which file is damaged, and its bytes."""
    readers = _journal(folder) | _states(folder) | _stores(folder)
    good = {path: path.read_bytes() for path in readers}
    meant = {path: read() for path, read in readers.items()}
    names = {path.name: path for path in readers}
    cases = st.sampled_from(sorted(names)).flatmap(
        lambda name: st.tuples(st.just(name), damaged(good[names[name]], (b"0", b"9", b"null", b'"', b"\0")))
    )

    def run(case: tuple[str, bytes]) -> str:
        path = names[case[0]]
        path.write_bytes(case[1])
        found: list[Any] = []
        try:
            said = call(lambda: found.append(readers[path]()), names=[path, folder])
            assert said or found == [meant[path]], f"{path.name} was read as another"
        finally:
            path.write_bytes(good[path])
        return said

    return Kind("kept states", cases, run)


def _journal(folder: Path) -> dict[Path, Read]:
    """Write what a sweep leaves for its resume; return {file: how it is read}."""
    trials, settings = specs(1), {"name": "s", "train": {"lr": 0.1}}
    sweep = Sweep.model_validate(
        {
            "name": "s",
            "data": {"root": "sample"},
            "model": {"arch": "alexnet"},
            "search": {"points": [{"lr": 0.1}]},
        }
    )
    keep_settings(folder, settings, "digest")
    write_ending(folder, Ending(True, 0, 3, 10, 10, 10))
    entry = folder / FOLDER / "trial_00000.json"
    worker = {"host": "here", "device": "cpu"}
    entry.write_text(
        sealed(
            {
                "epochs": [asdict(row) for row in curve(0, 0.5, 0.6)],
                "worker": worker,
                "profile": {"seconds_train": 1.5},
            }
        )
    )
    mark = folder / FOLDER / "checkpoint_00000.json"
    mark.write_text(sealed({"epochs": 2}))
    results = folder / "ray" / "trial_00000" / "checkpoint_000001" / RESULTS
    results.parent.mkdir(parents=True)
    results.with_name(CHECKPOINT).write_bytes(b"x" * 10)
    results.write_text(sealed({"results": [{"epoch": 1}, {"epoch": 2}], "bytes": 10}))
    retrains = Retrains(folder, 0, 3)
    probabilities = np.full((2, 2), 0.5, np.float32)
    retrains.keep(
        Retrained(
            0,
            3,
            10,
            "d",
            ["ant", "bee"],
            ["ant/0.jpg", "bee/0.jpg"],
            np.arange(2),
            probabilities,
            0.7,
            0.5,
            0.5,
            {"torch": "2"},
            {},
        )
    )

    def rows() -> Any:
        recorder = Recorder(sweep, trials)
        restore(folder, trials, recorder)
        return recorder.of(0), recorder.trial(0)

    def retrained() -> Any:
        found = retrains.read(0)
        assert found is not None
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(found).items()
        }

    return {
        folder / FOLDER / SETTINGS: lambda: check_settings(folder, settings, "digest"),
        folder / ENDING: lambda: read_ending(folder),
        entry: rows,
        mark: lambda: checkpoints(folder, trials),
        results: lambda: checkpoints(folder, trials),
        folder / FOLDER / "retrain_00000_00003_0.npz": retrained,
    }


def _states(folder: Path) -> dict[Path, Read]:
    """Write a learner's state; return how it is gone on from."""

    def learner() -> Learner:
        torch.manual_seed(0)
        return Learner(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), lr=0.1, step_size=1)

    path, state = folder / "learner.pt", io.BytesIO()
    first = learner()
    first.step(torch.ones(2, 3, 2, 2), torch.tensor([0, 1]))
    torch.save(first.state_dict(), state)
    path.write_bytes(state.getvalue())

    def gone_on() -> Any:
        second = learner()
        load_state(second, path, "all trials are intact")
        found = second.state_dict()
        momentum = found["optimizer"]["state"][0]["momentum_buffer"].tolist()
        return found["epoch"], {name: value.tolist() for name, value in found["model"].items()}, momentum

    return {path: gone_on}


def _stores(folder: Path) -> dict[Path, Read]:
    """Write a pixel store and features; return how they are opened, or built again."""
    for name in ("ant", "bee"):
        save_image(folder / "images" / name / "0.png", np.full((2, 3, 3), 7, np.uint8))
    images = ImageFolder(folder / "images")
    store = PixelStore.of(images, 2)
    features, values = folder / "features.npy", np.arange(600, dtype=np.float32).reshape(2, 300)

    def opened() -> Any:
        found = PixelStore.of(images, 2)
        assert all(found[i].shape == (2, 3, 3) for i in range(2))  # the pixels themselves have no digest
        return found.names, found.labels.tolist(), found.offsets.tolist(), found.errors, found.metadata

    def rows() -> Any:
        def write(aside: Path) -> None:
            with aside.open("wb") as file:
                np.save(file, values)

        return kept(features, lambda path: KeptFeatures(path, 2), write).shape

    rows()
    return {store.path: opened, features: rows}
