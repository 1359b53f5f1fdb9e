"""Batches from a GPU's memory are the CPU's to the bit; here that memory is the CPU's, where Triton's interpreter runs the kernel."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.transforms.v2.functional import resized_crop

from data_utils import pixel_source
from data_utils.augment import Boxes, RandomResizedCrop, parse_augmentation
from data_utils.batches import Batch, EvalBatches, TrainBatches
from data_utils.folder import ImageFolder
from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_source import PixelSource
from data_utils.pixel_store import PixelStore
from data_utils.resident_pixels import ResidentPixels, kernels_compile, resize_boxes
from data_utils.splits import Indices
from tests.conftest import save_image

SPECS = ([], [{"random_crop": {}}], "augment-1")
"""Crops of the network's size: the centre, normalised; a random one; one that is augmented further before that."""


def batch(store: PixelStore, spec: str | list[object], indices: Indices, *, resident: bool) -> Batch:
    """Return a batch from a store that lies in the device's memory, or does not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pixel_source, "fits", lambda nbytes, device, gpu_share: resident)
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


@pytest.mark.parametrize(
    ("free", "share", "most"),
    [(80, 1.0, 40), (80, 0.25, 10), (8, 0.25, 4), (80, 2.0, 40)],
    ids=["alone", "a quarter", "a quarter that others took from", "two"],
)
def test_data_keeps_to_its_trainings_share_of_a_gpu(
    free: int, share: float, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of it, of 80 GB in all: four trials that begin at once all see a free GPU."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * 10**9, 80 * 10**9))
    gpu = torch.device("cuda")
    assert pixel_source.fits(most * 10**9 - 1, gpu, share)
    assert not pixel_source.fits(most * 10**9, gpu, share)
    assert not pixel_source.fits(1, torch.device("cpu"), share)


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


@pytest.fixture
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide a GPU, if there is one, from who asks whether kernels compile."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    kernels_compile.cache_clear()
    yield
    kernels_compile.cache_clear()


@pytest.mark.usefixtures("_no_gpu")
def test_without_a_compiler_indexing_gives_them(many: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As on a CPU, for which Triton has none; the log says once what to install."""
    with caplog.at_level(logging.WARNING):
        check(many, np.array([17, 3, 3, 259, 0]), compiled=False)
    (said,) = caplog.messages
    assert "apt-get install gcc libc6-dev python3-dev" in said


@pytest.mark.parametrize("size", [16, 63, 90])
def test_boxes_are_resized_as_by_torchvision(tmp_path: Path, size: int) -> None:
    """Smaller and larger, boxes of any sides in one batch, up to the last byte; a CPU's are torchvision's own to the bit."""
    random = np.random.default_rng(0)
    for i, (height, width) in enumerate([(66, 150), (99, 66), (66, 66), (70, 66)]):
        pixels = (
            np.clip(random.normal(128, 40, (height // 3, width // 3, 3)), 0, 255).repeat(3, 0).repeat(3, 1)
        )
        save_image(tmp_path / "few" / f"{i}.png", pixels.astype(np.uint8))
    store = PixelStore.of(ImageFolder(tmp_path), 66)
    crop, indices = RandomResizedCrop(), np.arange(80) % len(store)
    boxes = crop.boxes(store.heights[indices], store.widths[indices], size, random)
    boxes = Boxes(*(np.append(side, last) for side, last in zip(boxes, last_box(store), strict=True)))
    indices = np.append(indices, len(store) - 1)
    expected = torch.stack(
        [
            resized_crop(torch.tensor(store[i]).permute(2, 0, 1), *map(int, box), [size, size])
            for i, *box in zip(indices, *boxes, strict=True)
        ]
    ).permute(0, 2, 3, 1)
    found = ResidentPixels(store, torch.device("cpu")).resized(indices, boxes, size).view(expected.shape)
    error = (found.int() - expected.int()).abs()
    assert error.max() <= 2
    assert error.float().mean() < 0.5
    source = PixelSource(store, size, NORMALIZATIONS["scratch"], torch.device("cpu"))
    assert torch.equal(source._crops(indices, boxes), expected)
    sent = resize_boxes(*source._packed(indices, boxes), boxes, size)
    assert torch.equal(sent.view(expected.shape), found)


def last_box(store: PixelStore) -> tuple[int, int, int, int]:
    """Return the lower right corner of the last image, small: the rest of the batch's width and height lies beyond all."""
    height, width = int(store.heights[-1]), int(store.widths[-1])
    return height - 9, width - 5, 9, 5


def test_a_resized_crop_is_gathered_from_memory(many: Path) -> None:
    """A batch with them, whole, is the CPU's but for rounding."""
    store = PixelStore.of(ImageFolder(many), 66)
    ours, theirs = (
        batch(store, [{"random_resized_crop": {}}], np.array([17, 3, 259]), resident=resident)
        for resident in (True, False)
    )
    torch.testing.assert_close(ours.inputs, theirs.inputs, atol=2 / 255 / 0.22, rtol=0)
    assert ours.inputs.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("resident", [True, False])
def test_a_gpus_batches_are_the_cpus(many: Path, resident: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its stream is busy with what was asked for before: no batch is read early, or written over."""
    monkeypatch.setattr(
        pixel_source, "fits", lambda nbytes, device, gpu_share: resident and device.type == "cuda"
    )
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
