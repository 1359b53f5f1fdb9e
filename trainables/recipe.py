"""Everything that decides what one training gives. Written down by the driver, so it needs no PyTorch."""

from dataclasses import dataclass

from data_utils.augment import Spec
from data_utils.pixel_store import Progress
from data_utils.prepared import PreparedData, prepare
from trainables.architectures import Freeze


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
    freeze: Freeze
    hidden: int
    init: str
    lr: float
    step_size: int
    momentum: float
    weight_decay: float
    gamma: float
    augment: Spec
    """Operations on the training images; none when empty."""
    offline_copies: int
    """Augmented copies of each training image made beforehand; 0: augmentation is online, afresh each epoch."""
    precision: str
    seed: int
    deterministic: bool

    def data(self, progress: Progress | None = None) -> PreparedData:
        """Open the data; see `data_utils.prepared.prepare`."""
        return prepare(
            self.root,
            resize=self.resize,
            split_seed=self.split_seed,
            on_bad_image=self.on_bad_image,
            progress=progress,
        )

    @property
    def keeps_features(self) -> bool:
        """Whether all before the head is frozen and sees each image the same way every time, so that once is enough."""
        return self.freeze == "features" and (not self.augment or self.offline_copies > 0)
