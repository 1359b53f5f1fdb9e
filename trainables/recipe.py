"""Everything that decides what one training gives, and how its parts are built from it."""

from dataclasses import dataclass

import torch

from data_utils.batches import EvalBatches, PixelSource, TrainBatches
from data_utils.pixel_store import Progress
from data_utils.prepared import PreparedData, prepare
from data_utils.splits import Indices
from data_utils.transforms import NORMALIZATIONS
from trainables.learner import Learner
from trainables.models import build


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
        return TrainBatches(self._source(data, device), indices, self.batch_size, self.seed)

    def eval_batches(self, data: PreparedData, indices: Indices, device: torch.device) -> EvalBatches:
        """Return the evaluation batches of these samples."""
        return EvalBatches(self._source(data, device), indices, self.eval_batch_size)

    def _source(self, data: PreparedData, device: torch.device) -> PixelSource:
        return PixelSource(data.store, self.image_size, NORMALIZATIONS[self.transform], device)
