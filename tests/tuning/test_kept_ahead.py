"""What is kept already is known by its mark, and by nothing that has gone or differs."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from data_utils.caches import clear_cache
from tests.few_digits import few_digits
from tests.trainables.test_classifier import RECIPE
from trainables.models import build
from trainables.recipe import Recipe
from tuning.ahead import Ahead, compute_ahead
from tuning.kept_ahead import is_kept, mark_kept

CPU = "cpu"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    """Give a recipe whose features are kept in a cache of their own, with a weight file."""
    root, folder = few_digits(), tmp_path_factory.mktemp("kept")
    weights = folder / "alexnet.pth"
    torch.save(build("alexnet", 10, hidden=16).state_dict(), weights)
    recipe = replace(
        RECIPE, root=str(root), resize=68, image_size=64, freeze="features", weights=str(weights), hidden=16
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPSWEEP_CACHE", str(folder / "cache"))
        assert not is_kept(recipe, "train", recipe.data(), CPU)
        list(compute_ahead(Ahead(recipe, "train"), CPU, threads=torch.get_num_threads(), gpus=0))
        yield recipe


def test_a_mark_is_of_all_that_decides_what_is_kept(kept: Recipe) -> None:
    """What the head alone learns with changes nothing; anything else does."""

    def known(split: str = "train", device: str = CPU, **changes: Any) -> bool:
        recipe = replace(kept, **changes)
        return is_kept(recipe, split, recipe.data(), device)

    assert known()
    assert known(lr=0.5, momentum=0.1, batch_size=3)
    assert not known("train_val")
    assert not known(device="cuda")
    flip = [{"horizontal_flip": {}}]
    for other in (
        {"image_size": 65}, {"resize": 66}, {"transform": "imagenet"}, {"seed": 1}, {"split_seed": 1},
        {"precision": "bf16"}, {"weights": None}, {"hidden": 8}, {"augment": flip, "offline_copies": 1},
    ):  # fmt: skip
        assert all(getattr(kept, name) != value for name, value in other.items())
        assert not known(**other), other


def test_no_mark_is_believed_once_a_file_has_changed_or_gone(kept: Recipe) -> None:
    """The features were cut short or removed; the mark is torn; the weight file is another; the cache was cleared: so this is last."""
    data = kept.data()
    [features] = Path(os.environ["UPSWEEP_CACHE"]).glob("features/*.npy")
    whole = features.read_bytes()
    features.write_bytes(whole[:-1])
    assert not is_kept(kept, "train", data, CPU)
    features.unlink()
    assert not is_kept(kept, "train", data, CPU)
    features.write_bytes(whole)
    assert is_kept(kept, "train", data, CPU)

    [mark] = Path(os.environ["UPSWEEP_CACHE"]).glob("marks/*.json")
    whole = mark.read_bytes()
    for torn in (whole[:-1], b"", b"{}", whole.replace(b".npy", b".npz"), b"[1]"):
        mark.write_bytes(torn)
        assert not is_kept(kept, "train", data, CPU), torn
    mark.write_bytes(whole)
    assert is_kept(kept, "train", data, CPU)

    assert kept.weights is not None
    weights = Path(kept.weights)
    before, held = weights.stat(), weights.read_bytes()
    weights.write_bytes(held)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not is_kept(kept, "train", data, CPU)
    mark_kept(kept, "train", data, CPU, [features])
    assert is_kept(kept, "train", data, CPU)
    features.unlink()
    mark_kept(kept, "train", data, CPU, [features])  # which marks nothing, and is no error

    clear_cache()
    assert not list(Path(os.environ["UPSWEEP_CACHE"]).rglob("*.json"))
