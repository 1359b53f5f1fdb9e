"""A frozen part's outputs: computed once, shared, rebuilt when anything that made them changes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from data_utils.features import FeatureSource, KeptFeatures, keep_features
from data_utils.folder import ImageFolder
from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_source import PixelSource
from data_utils.pixel_store import PixelStore

CPU = torch.device("cpu")


class Counting(nn.Module):
    """A frozen part that counts the images it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 8, stride=8)
        self.seen = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return (n, numbers)."""
        self.seen += len(images)
        flat: torch.Tensor = self.conv(images).flatten(1)
        return flat


def keep(
    images: Path, frozen: nn.Module, made_with: str = "", dtype: torch.dtype | None = None
) -> tuple[PixelStore, PixelSource, KeptFeatures]:
    """Keep the folder's features; return what they come from too."""
    store = PixelStore.of(ImageFolder(images), 70)
    pixels = PixelSource(store, 64, NORMALIZATIONS["scratch"], CPU)
    return store, pixels, keep_features(frozen, pixels, store, made_with=made_with, device=CPU, dtype=dtype)


def test_each_image_is_seen_once_ever(images: Path) -> None:
    """A second asking reads the file."""
    frozen = Counting()
    keep(images, frozen)
    assert frozen.seen == 18
    keep(images, frozen)
    assert frozen.seen == 18


def test_features_are_the_frozen_parts_outputs(images: Path) -> None:
    """In the store's order, with the store's labels."""
    frozen = Counting()
    store, pixels, features = keep(images, frozen)
    indices = np.array([16, 2, 9])
    batch = FeatureSource(features, store.labels, CPU).gather(indices)
    with torch.inference_mode():
        expected = frozen(pixels.gather(indices).inputs)
    torch.testing.assert_close(batch.inputs, expected)
    assert batch.labels.tolist() == [2, 0, 1]
    assert features.shape == (18, 2 * 8 * 8)


def test_bf16_features_stay_bf16(images: Path) -> None:
    """Half the bytes, and what autocast would have given."""
    frozen = Counting()
    _, pixels, features = keep(images, frozen, dtype=torch.bfloat16)
    rows = features.rows(np.arange(18))
    assert rows.dtype == torch.bfloat16
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(rows, frozen(pixels.gather(np.arange(18)).inputs))


def test_other_weights_images_or_settings_make_other_features(images: Path) -> None:
    """Nothing stale is ever read."""
    frozen = Counting()
    keep(images, frozen)
    with torch.no_grad():
        frozen.conv.weight[0, 0, 0, 0] += 1
    keep(images, frozen)
    assert frozen.seen == 36
    keep(images, frozen, made_with="another crop")
    assert frozen.seen == 54
    (images / "ant" / "0.jpg").unlink()
    keep(images, frozen)
    assert frozen.seen == 54 + 17


def test_an_image_without_pixels_has_zeros(images: Path) -> None:
    """It is in no split, and the others keep their places."""
    (images / "ant" / "1.jpg").write_text("no image")
    frozen = Counting()
    _, _, features = keep(images, frozen)
    assert frozen.seen == 17
    rows = features.rows(np.arange(18))
    assert not rows[1].any()
    assert rows[0].any()
    assert rows[2].any()


@pytest.mark.parametrize("keep_bytes", [0, 100, 3000])
def test_a_torn_file_is_rebuilt(images: Path, tmp_path: Path, cache: Path, keep_bytes: int) -> None:
    """Cut off in the header or in the numbers."""
    frozen = Counting()
    _, _, features = keep(images, frozen)
    expected = features.rows(np.arange(18))
    (path,) = [p for p in (cache / "features").glob("*.npy") if p.stat().st_mtime == max(
        q.stat().st_mtime for q in (cache / "features").glob("*.npy"))]  # fmt: skip
    del features
    path.write_bytes(path.read_bytes()[:keep_bytes])
    _, _, again = keep(images, frozen)
    assert frozen.seen == 36
    torch.testing.assert_close(again.rows(np.arange(18)), expected)


def test_a_torn_header_is_never_read(tmp_path: Path) -> None:
    """Fewer rows, rows laid out as columns, another type, a file cut off or with more behind."""
    path, values = tmp_path / "x.npy", np.zeros((3, 20), np.float32)
    np.save(path, values)
    whole = path.read_bytes()
    assert KeptFeatures(path, 3).shape == (3, 20)
    torn = [
        whole.replace(b"(3, 20)", b"(3, 10)"), whole.replace(b"False", b"True "), whole.replace(b"<f4", b"<i4"),
        whole.replace(b"(3, 20)", b"(20, 3)"), whole[:-1], whole + b"x", whole.replace(b"{", b"("), b"", whole[:40],
    ]  # fmt: skip
    for data in torn:
        path.write_bytes(data)
        with pytest.raises((ValueError, OSError, EOFError)):
            KeptFeatures(path, 3)
