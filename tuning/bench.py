"""`upsweep bench`: how fast this machine trains, each figure side by side with what it is compared to, in one run.

A and B are interleaved, so that a machine whose speed drifts slows both alike; figures are medians with their extremes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset

from data_utils.batches import EvalBatches, TrainBatches
from data_utils.caches import cache_dir
from data_utils.caltech101 import Caltech101
from data_utils.folder import ImageFolder
from data_utils.normalization import NORMALIZATIONS
from data_utils.pixel_store import PixelStore
from data_utils.prepared import open_folder
from data_utils.splits import Indices
from data_utils.transforms import plain
from trainables.learner import Learner
from trainables.models import build
from trainables.recipe import Recipe
from trainables.session import open_session

CPU_THREADS = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Measure:
    """One figure: the median of `n`, its extremes, and what it is."""

    measure: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    meaning: str


@dataclass(frozen=True)
class Setting:
    """What is measured on, and how long."""

    root: str
    arch: str
    resize: int
    image_size: int
    batch_size: int
    images: int
    """Training images of an epoch, and validation images as well: a part of the data, so that repeats are many."""
    repeats: int
    trial_seconds: float
    """How long each of the eight trials of the sweep takes, about."""
    device: str

    @classmethod
    def of(cls, root: str, arch: str, quick: bool) -> "Setting":
        """Return the setting for a folder: the paper's sizes, or small ones."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        batch_size = {"alexnet": 256, "vgg11": 32}[arch]
        if quick:
            return cls(root, arch, 64, 64, min(batch_size, 64), 256, 10, 6.0, device)
        return cls(root, arch, 256, 224, batch_size, 2 * 256, 10, 60.0, device)

    def recipe(self, **changes: object) -> Recipe:
        """Return a training of this setting, from scratch unless changed."""
        whole = Recipe(
            root=self.root, split_seed=0, on_bad_image="skip", resize=self.resize, image_size=self.image_size,
            transform="scratch", batch_size=self.batch_size, eval_batch_size=256, arch=self.arch, weights=None,
            freeze=None, hidden=4096, init="torchvision", lr=0.001, step_size=1000, momentum=0.9, weight_decay=5e-5,
            gamma=0.1, augment=[], offline_copies=0, precision="auto", seed=0,
        )  # fmt: skip
        return replace(whole, **changes)  # type: ignore[arg-type]


def measure_all(setting: Setting, say: Callable[[str], None]) -> Iterator[Measure]:
    """Measure everything, one after another; `say` is told what is being measured."""
    torch.set_num_threads(CPU_THREADS)
    for part in (_store, _step, _epochs, _memory, _starts, _sweep):
        say(f"measuring {part.__name__.removeprefix('_')}")
        yield from part(setting)


def interleaved(
    a: Callable[[], float], b: Callable[[], float], repeats: int
) -> tuple[list[float], list[float]]:
    """Return the figures of A and of B, taken in turns A B A B ... after one of each that is not counted."""
    a(), b()
    pairs = [(a(), b()) for _ in range(repeats)]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _measure(name: str, values: list[float], unit: str, meaning: str) -> Measure:
    return Measure(name, statistics.median(values), min(values), max(values), unit, len(values), meaning)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _store(setting: Setting) -> Iterator[Measure]:
    """Build and open the pixel store, in a cache of its own."""
    images = open_folder(setting.root)
    with _empty_cache():
        build_seconds = [_seconds(lambda: PixelStore.of(images, setting.resize))]
        opened = [
            _seconds(lambda: PixelStore.of(ImageFolder(images.root), setting.resize)) for _ in range(10)
        ]
    yield _measure("store_build_s", build_seconds, "s", f"decode {len(images)} images once")
    yield _measure("store_open_s", opened, "s", "look at the folder and open its store")


@contextmanager
def _empty_cache() -> Iterator[None]:
    """Keep what is built meanwhile in a cache of its own, on the same disk as the user's."""
    before = os.environ.get("UPSWEEP_CACHE")
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="bench-") as folder:
        os.environ["UPSWEEP_CACHE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["UPSWEEP_CACHE"]
            else:
                os.environ["UPSWEEP_CACHE"] = before


def _step(setting: Setting) -> Iterator[Measure]:
    """Compare the training loop with the bare step on one batch in memory."""
    session = open_session(setting.recipe(), torch.device(setting.device))
    whole = max(1, min(2, len(session.data.splits.train) // setting.batch_size))
    part = session.data.splits.train[: whole * setting.batch_size]
    batches, learner = session.train_batches(part), session.learner
    batch = session.source.gather(part[: setting.batch_size])

    def loop_rate() -> float:
        start = time.perf_counter()
        images = learner.train_epoch(batches).images
        return images / (time.perf_counter() - start)

    def bare_rate() -> float:
        return whole * len(batch.labels) / _seconds(lambda: [learner.step(*batch) for _ in range(whole)])

    loop, alone = interleaved(loop_rate, bare_rate, setting.repeats)
    yield _measure("train_images_per_s", loop, "images/s", "the training loop, from scratch")
    yield _measure("step_share", [x / y for x, y in zip(loop, alone, strict=True)], "", "loop over bare step")


def _epochs(setting: Setting) -> Iterator[Measure]:
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
        yield _measure(
            f"epoch_{name}_ratio", ratios, "x", f"plain torchvision loop's epoch over ours, {name}"
        )
        yield _measure(f"epoch_{name}_s", ours, "s", f"our epoch of {len(train)} + {len(val)} images, {name}")


def _our_epoch(learner: Learner, train: TrainBatches, val: EvalBatches) -> float:
    return _seconds(lambda: (learner.train_epoch(train), learner.evaluate(val)))


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
                drop_last=shuffle,
            )
            for indices, size, shuffle in ((train, setting.batch_size, True), (val, 256, False))
        ]
        self._device = torch.device(setting.device)
        self._model = build(setting.arch, len(dataset.classes), freeze=freeze).to(self._device)
        trained = [p for p in self._model.parameters() if p.requires_grad]
        self._optimizer = torch.optim.SGD(trained, lr=0.001, momentum=0.9, weight_decay=5e-5)

    def epoch(self) -> float:
        """Train and validate; return the seconds."""
        return _seconds(self._epoch)

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


def _memory(setting: Setting) -> Iterator[Measure]:
    """Compare what one and three processes that read all the data hold together, less what they hold without it."""
    values = []
    for _ in range(3):
        with_data = {n: _pss(setting, n, read=True) for n in (1, 3)}
        without = {n: _pss(setting, n, read=False) for n in (1, 3)}
        values.append(((with_data[3] - without[3]) - (with_data[1] - without[1])) / 2)
    yield _measure("memory_per_trial_mb", values, "MB", "PSS that data adds for each further trial of a node")


_READER = """
import sys
from data_utils.pixel_store import PixelStore
from data_utils.prepared import open_folder
root, resize, read = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
if read:
    store = PixelStore.of(open_folder(root), resize)
    total = sum(int(store[i][::16, ::16].sum()) for i in range(len(store)) if i not in store.errors)
print("ready", flush=True)
sys.stdin.read()
"""


def _pss(setting: Setting, processes: int, *, read: bool) -> float:
    """Return the proportional set sizes, in MB, of processes that run at once, added up."""
    command = [sys.executable, "-c", _READER, setting.root, str(setting.resize), str(read)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    try:
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        return sum(_pss_of(process.pid) for process in running)
    finally:
        for process in running:
            process.communicate()


def _pss_of(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1000
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Pss line")


def _starts(setting: Setting) -> Iterator[Measure]:
    """Time `upsweep run` up to its first training step, with no store and with one."""
    with tempfile.TemporaryDirectory() as storage:
        sweep = _sweep_file(setting, Path(storage), trials=1, epochs=1)
        cold = []
        for _ in range(3):  # each takes as long as decoding everything
            with _empty_cache():
                cold.append(_first_step(sweep, Path(storage)))
        with _empty_cache():
            _first_step(sweep, Path(storage))
            warm = [_first_step(sweep, Path(storage)) for _ in range(setting.repeats)]
    yield _measure("start_cold_s", cold, "s", "from `upsweep run` to the first step, decoding everything")
    yield _measure("start_warm_s", warm, "s", "from `upsweep run` to the first step, with a store")


def _first_step(sweep: Path, storage: Path) -> float:
    """Return the seconds from the command to the first step: to its only epoch's line, less the epoch itself."""
    import pandas as pd

    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "tuning.cli", "run", str(sweep), "--overwrite"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        seen = next(
            (time.perf_counter() for line in process.stdout if line.split("  ")[-1].startswith("trial 0 ")),
            None,
        )
        process.stdout.read()
    if seen is None:
        raise RuntimeError(
            "the sweep that times the start ended without an epoch; run `upsweep run` on the data to see why"
        )
    epochs = pd.read_parquet(storage / "bench" / "epochs.parquet")
    return seen - start - float(epochs["seconds"].iloc[0])


def _sweep(setting: Setting) -> Iterator[Measure]:
    """Run eight trials, two at once where there is room, and compare the wall time with what the trials themselves computed."""
    import pandas as pd

    slots = 2 if setting.device == "cuda" else min(2, CPU_THREADS)
    with tempfile.TemporaryDirectory() as storage:
        short = _sweep_file(setting, Path(storage), trials=2, epochs=2)
        _run(short)
        epoch = float(pd.read_parquet(Path(storage) / "bench" / "epochs.parquet")["seconds"].median())
        sweep = _sweep_file(
            setting, Path(storage), trials=8, epochs=max(1, round(setting.trial_seconds / epoch))
        )
        wall = _seconds(lambda: _run(sweep))
        trials = pd.read_parquet(Path(storage) / "bench" / "trials.parquet")
    own = float(trials["seconds"].sum()) / slots
    yield _measure(
        "sweep_overhead",
        [100 * (wall / own - 1)],
        "%",
        f"eight trials, {slots} at once: {wall:.0f} s for {own:.0f} s",
    )


def _run(sweep: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "tuning.cli", "run", str(sweep), "--overwrite"],
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _sweep_file(setting: Setting, storage: Path, trials: int, epochs: int) -> Path:
    """Write a sweep of the embedded sample or the folder whose trials differ in nothing that costs time."""
    path = storage / "bench.yaml"
    points = ", ".join(f"{{lr: {0.001 / (i + 1):g}}}" for i in range(trials))
    path.write_text(
        f"name: bench\n"
        f"data: {{root: {setting.root!r}, resize: {setting.resize}, image_size: {setting.image_size}, "
        f"on_bad_image: skip, batch_size: 64}}\n"
        f"model: {{arch: {setting.arch}, freeze: features, hidden: 512}}\n"
        f"train: {{max_epochs: {epochs}}}\n"
        f"search: {{points: [{points}]}}\n"
        f"stop: {{up: null}}\nretrain: null\nstorage: {storage}\n"
        f"resources: {{max_concurrent: 2, gpus: {0.5 if setting.device == 'cuda' else 0}}}\n"
    )
    return path
