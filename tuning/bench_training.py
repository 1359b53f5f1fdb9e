"""The part of `upsweep bench` that computes in this process: the store, the step, the epoch."""

import time
from collections.abc import Iterator
from functools import partial

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset

from data_utils.batches import EvalBatches, TrainBatches
from data_utils.caltech101 import Caltech101
from data_utils.folder import ImageFolder
from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_store import PixelStore
from data_utils.prepared import open_folder
from data_utils.splits import Indices
from data_utils.transforms import plain
from trainables.learner import Learner
from trainables.models import build
from trainables.session import open_session
from tuning.bench_figures import CPU_THREADS, Measure, Setting, empty_cache, interleaved, measure, seconds


def store(setting: Setting) -> Iterator[Measure]:
    """Build and open the pixel store, in a cache of its own."""
    images = open_folder(setting.root)
    with empty_cache():
        build_seconds = [seconds(lambda: PixelStore.of(images, setting.resize))]
        opened = [seconds(lambda: PixelStore.of(ImageFolder(images.root), setting.resize)) for _ in range(10)]
    yield measure("store_build_s", build_seconds, "s", f"decode {len(images)} images once")
    yield measure("store_open_s", opened, "s", "look at the folder and open its store")


def step(setting: Setting) -> Iterator[Measure]:
    """Compare the training loop with the bare step on one batch in memory."""
    session = open_session(setting.recipe(), torch.device(setting.device))
    whole = max(1, min(setting.steps, len(session.data.splits.train) // setting.batch_size))
    part = session.data.splits.train[: whole * setting.batch_size]
    batches, learner = session.train_batches(part), session.learner
    batch = session.source.gather(part[: setting.batch_size])

    def loop_rate() -> float:
        start = time.perf_counter()
        images = learner.train_epoch(batches).images
        return images / (time.perf_counter() - start)

    few = max(1, whole // 2)  # fewer than the loop's, which spreads its start over them

    def bare_rate() -> float:
        return few * len(batch.labels) / seconds(lambda: [learner.step(*batch) for _ in range(few)])

    loop, alone = interleaved(loop_rate, bare_rate, setting.repeats)
    yield measure("train_images_per_s", loop, "images/s", "the training loop, from scratch")
    yield measure("step_share", [x / y for x, y in zip(loop, alone, strict=True)], "", "loop over bare step")


def epochs(setting: Setting) -> Iterator[Measure]:
    """Compare an epoch, train and validate, with the plain torchvision loop's."""
    for name, freeze in (("scratch", None), ("frozen", "features")):
        session = open_session(setting.recipe(freeze=freeze), torch.device(setting.device))
        train, val = (
            split[: setting.images] for split in (session.data.splits.train, session.data.splits.val)
        )
        train_batches, val_batches = session.train_batches(train), session.eval_batches(val)
        theirs = _PlainLoop(setting, freeze, train, val)
        ours, plain_seconds = interleaved(
            partial(_our_epoch, session.learner, train_batches, val_batches), theirs.epoch, setting.repeats
        )
        ratios = [p / o for o, p in zip(ours, plain_seconds, strict=True)]
        yield measure(f"epoch_{name}_ratio", ratios, "x", f"plain torchvision loop's epoch over ours, {name}")
        yield measure(f"epoch_{name}_s", ours, "s", f"our epoch of {len(train)} + {len(val)} images, {name}")


def _our_epoch(learner: Learner, train: TrainBatches, val: EvalBatches) -> float:
    return seconds(lambda: (learner.train_epoch(train), learner.evaluate(val)))


class _PlainLoop:
    """What one writes first: PIL transforms, a DataLoader, fp32, the default layout, a loss read every step."""

    def __init__(self, setting: Setting, freeze: str | None, train: Indices, val: Indices):
        transform = plain(NORMALIZATIONS["scratch"], setting.resize, setting.image_size)
        dataset = Caltech101(open_folder(setting.root).root, transform)
        self._loaders: list[DataLoader[tuple[torch.Tensor, torch.Tensor]]] = [
            DataLoader(
                Subset(dataset, indices.tolist()),
                size,
                shuffle=shuffle,
                num_workers=CPU_THREADS,
                drop_last=shuffle and len(indices) >= size,  # as our loop: else an epoch would be none at all
            )
            for indices, size, shuffle in ((train, setting.batch_size, True), (val, 256, False))
        ]
        self._device = torch.device(setting.device)
        self._model = build(setting.arch, len(dataset.classes), freeze=freeze).to(self._device)
        trained = [p for p in self._model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.SGD(trained, lr=0.001, momentum=0.9, weight_decay=5e-5)

    def epoch(self) -> float:
        """Train and validate; return the seconds."""
        return seconds(self._epoch)

    def _epoch(self) -> None:
        train, val = self._loaders
        self._model.train()
        for images, labels in train:
            self._optimizer.zero_grad()
            loss = F.cross_entropy(self._model(images.to(self._device)), labels.to(self._device))
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self._optimizer.step()
            loss.item()
        self._model.eval()
        with torch.no_grad():
            for images, labels in val:
                (self._model(images.to(self._device)).argmax(1).cpu() == labels).sum().item()
