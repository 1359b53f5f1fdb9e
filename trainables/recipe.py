"""Everything that decides what one training gives, and how its parts are built from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_store import Progress
from data_utils.prepared import PreparedData, prepare
from data_utils.splits import Indices

# A recipe is written down by the driver, which does not compute and so need not spend seconds on importing PyTorch.
if TYPE_CHECKING:
    import torch

    from data_utils.batches import EvalBatches, PixelSource, TrainBatches
    from trainables.learner import Learner


@dataclass(frozen=True)
class Recipe:
    """One training in plain values, which travel to any process; the names are those of the sweep file."""

    root: str
    split_seed: int
    on_bad_image: str
    resize: int
    image_size: int
    transform: str
    """A key of `NORMALIZATIONS`."""
    batch_size: int
    eval_batch_size: int
    arch: str
    weights: str | None
    freeze: str | None
    hidden: int
    init: str
    lr: float
    step_size: int
    momentum: float
    weight_decay: float
    gamma: float
    precision: str
    seed: int

    def data(self, progress: Progress | None = None) -> PreparedData:
        """Open the data; see `data_utils.prepared.prepare`."""
        return prepare(
            self.root,
            resize=self.resize,
            split_seed=self.split_seed,
            on_bad_image=self.on_bad_image,
            progress=progress,
        )

    def learner(self, classes: int, device: torch.device) -> Learner:
        """Build the network and the learner at epoch 0."""
        from trainables.learner import Learner
        from trainables.models import build

        model = build(
            self.arch, classes, self.weights, self.freeze, hidden=self.hidden, init=self.init, seed=self.seed
        )
        return Learner(
            model,
            lr=self.lr,
            step_size=self.step_size,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            gamma=self.gamma,
            seed=self.seed,
            device=device,
            precision=self.precision,
        )

    def train_batches(self, data: PreparedData, indices: Indices, device: torch.device) -> TrainBatches:
        """Return the training batches of these samples."""
        from data_utils.batches import TrainBatches

        return TrainBatches(self._source(data, device), indices, self.batch_size, self.seed)

    def eval_batches(self, data: PreparedData, indices: Indices, device: torch.device) -> EvalBatches:
        """Return the evaluation batches of these samples."""
        from data_utils.batches import EvalBatches

        return EvalBatches(self._source(data, device), indices, self.eval_batch_size)

    def _source(self, data: PreparedData, device: torch.device) -> PixelSource:
        from data_utils.batches import PixelSource

        return PixelSource(data.store, self.image_size, NORMALIZATIONS[self.transform], device)
