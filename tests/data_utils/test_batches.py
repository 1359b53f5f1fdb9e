"""From store to batches: bit for bit the plain way, in an order that (seed, epoch) decides."""

from pathlib import Path

import numpy as np
import pytest
import torch

from data_utils.batches import Batch, EvalBatches, TrainBatches
from data_utils.caltech101 import Caltech101
from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_source import PixelSource
from data_utils.pixel_store import PixelStore
from data_utils.splits import Indices
from data_utils.transforms import plain

CPU = torch.device("cpu")


class Numbers:
    """A source whose inputs are the indices themselves."""

    device = CPU

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return the indices, twice."""
        return Batch(torch.from_numpy(indices), torch.from_numpy(indices))


def epoch(batches: TrainBatches, number: int) -> list[list[int]]:
    """Return the indices of an epoch's batches."""
    return [batch.labels.tolist() for batch in batches.epoch(number)]


@pytest.mark.parametrize("name", ["scratch", "transfer"])
def test_inputs_equal_the_plain_transform_bit_for_bit(images: Path, name: str) -> None:
    """Resize, centre crop and normalisation are torchvision's."""
    normalization = NORMALIZATIONS[name]
    dataset = Caltech101(images, transform=plain(normalization, resize=66, image_size=63))
    source = PixelSource(PixelStore.of(dataset, 66), 63, normalization, CPU)
    batch = source.gather(np.array([17, 0, 9]))
    for place, index in enumerate((17, 0, 9)):
        image, label = dataset[index]
        assert torch.equal(batch.inputs[place], image)
        assert batch.labels[place] == label
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)


def test_a_training_epoch_drops_the_short_last_batch() -> None:
    """Ten images in batches of four train on eight."""
    batches = TrainBatches(Numbers(), np.arange(10), 4, seed=0)
    assert [len(batch) for batch in epoch(batches, 1)] == [4, 4]


def test_the_only_batch_is_kept_however_short() -> None:
    """Three images in batches of four train on three."""
    batches = TrainBatches(Numbers(), np.array([5, 6, 7]), 4, seed=0)
    assert sorted(epoch(batches, 1)[0]) == [5, 6, 7]


def test_order_comes_from_seed_and_epoch() -> None:
    """The same (seed, epoch) gives the same order, another epoch or seed another."""
    one, same, other = (TrainBatches(Numbers(), np.arange(64), 8, seed) for seed in (1, 1, 2))
    assert epoch(one, 3) == epoch(same, 3)
    assert epoch(one, 3) != epoch(one, 4)
    assert epoch(one, 3) != epoch(other, 3)


def test_evaluation_sees_every_image_once_in_order() -> None:
    """The short last batch is kept."""
    batches = EvalBatches(Numbers(), np.arange(10), 4)
    assert [batch.labels.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_what_a_source_raises_reaches_the_reader() -> None:
    """An error in the thread that prefetches is not lost."""

    class Broken:
        device = CPU

        def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(EvalBatches(Broken(), np.arange(3), 2))
