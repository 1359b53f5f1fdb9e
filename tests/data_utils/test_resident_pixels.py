"""Batches from a GPU's memory are the CPU's to the bit; here that memory is the CPU's, where Triton's interpreter runs the kernel."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from data_utils import pixel_source
from data_utils.augment import parse_augmentation
from data_utils.batches import Batch, EvalBatches, TrainBatches
from data_utils.folder import ImageFolder
from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_source import PixelSource
from data_utils.pixel_store import PixelStore
from data_utils.resident_pixels import kernels_compile
from data_utils.splits import Indices
from tests.conftest import save_image

SPECS = ([], [{"random_crop": {}}], "augment-1")
"""Crops of the network's size: the centre, normalised; a random one; one that is augmented further before that."""


def batch(store: PixelStore, spec: str | list[object], indices: Indices, *, resident: bool) -> Batch:
    """Return a batch from a store that lies in the device's memory, or does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_source, "fits", lambda nbytes, device: resident)
        source = PixelSource(
            store, 63, NORMALIZATIONS["transfer"], torch.device("cpu"), parse_augmentation(spec)
        )
        found = source.gather(indices, np.random.default_rng(0))
        assert (source._resident is not None) == resident
    return found


def check(folder: Path, indices: Indices, *, compiled: bool) -> None:
    """Compare the two, for every spec, and that it was by the kernel or not."""
    store = PixelStore.of(ImageFolder(folder), 66)
    for spec in SPECS:
        ours, theirs = (batch(store, spec, indices, resident=resident) for resident in (True, False))
        assert torch.equal(ours.inputs, theirs.inputs)
        assert torch.equal(ours.labels, theirs.labels)
        assert ours.inputs.is_contiguous(memory_format=torch.channels_last)
    assert kernels_compile() == compiled


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of more images than a record batch of a store holds."""
    folder = tmp_path_factory.mktemp("many")
    pixels = np.random.default_rng(0).integers(0, 256, (260, 66, 70, 3), np.uint8)
    for i, picture in enumerate(pixels):
        save_image(folder / "few" / f"{i:03d}.png", picture)
    return folder


def test_the_kernel_gives_the_cpus_bits(many: Path) -> None:
    """In any order, an image twice, and beyond the first record batch."""
    pytest.importorskip("triton", reason="PyTorch brings Triton on Linux alone")
    call = f"check(Path({str(many)!r}), np.array([17, 3, 3, 259, 0]), compiled=True)"
    done = subprocess.run(
        [sys.executable, "-c", f"from tests.data_utils.test_resident_pixels import *\n{call}"],
        env=os.environ | {"TRITON_INTERPRET": "1"},  # read when Triton is imported
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_without_a_compiler_indexing_gives_them(many: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As on a CPU, for which Triton has none; the log says once what to install."""
    kernels_compile.cache_clear()
    with caplog.at_level(logging.WARNING):
        check(many, np.array([17, 3, 3, 259, 0]), compiled=False)
    (said,) = caplog.messages
    assert "apt-get install gcc libc6-dev python3-dev" in said


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("resident", [True, False])
def test_a_gpus_batches_are_the_cpus(many: Path, resident: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its stream is busy with what was asked for before: no batch is read early, or written over."""
    monkeypatch.setattr(pixel_source, "fits", lambda nbytes, device: resident and device.type == "cuda")
    store = PixelStore.of(ImageFolder(many), 66)
    gpu, cpu = (
        PixelSource(store, 63, NORMALIZATIONS["scratch"], torch.device(name), parse_augmentation("augment-1"))
        for name in ("cuda", "cpu")
    )
    busy = torch.randn(4096, 4096, device="cuda")
    for ours, theirs in (
        (TrainBatches(gpu, np.arange(260), 8, 0).epoch(1), TrainBatches(cpu, np.arange(260), 8, 0).epoch(1)),
        (iter(EvalBatches(gpu, np.arange(260), 8)), iter(EvalBatches(cpu, np.arange(260), 8))),
    ):
        copies = []
        for inputs, labels in ours:
            for _ in range(20):
                busy = (busy @ busy).clamp(-1, 1)
            copies.append((inputs.clone(), labels.clone()))
        for (inputs, labels), expected in zip(copies, theirs, strict=True):
            assert torch.equal(inputs.cpu(), expected.inputs)
            assert torch.equal(labels.cpu(), expected.labels)
