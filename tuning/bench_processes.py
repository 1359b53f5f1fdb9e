"""The part of `upsweep bench` that needs processes of its own: memory, the start of a sweep, a whole one."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from data_utils.errors import InputError
from data_utils.pixel_store import PixelStore
from data_utils.prepared import open_folder
from tuning.bench_figures import CPU_THREADS, Measure, Setting, empty_cache, measure, seconds

_SMALL = 64
"""Pixels a side, enough for either network."""

_SEE_WHY = "try `upsweep run` on the data to see why"


def memory(setting: Setting) -> Iterator[Measure]:
    """Compare what one and three processes that read all pixels hold together, less what they hold without them."""
    PixelStore.of(
        open_folder(setting.root), setting.resize
    )  # or the first would build it, and be measured at that
    values = []
    for _ in range(3):
        with_data = {n: _pss(setting, n, read=True) for n in (1, 3)}
        without = {n: _pss(setting, n, read=False) for n in (1, 3)}
        values.append(((with_data[3] - without[3]) - (with_data[1] - without[1])) / 2)
    yield measure(
        "memory_per_trial_mb",
        values,
        "MB",
        "PSS that all pixels add for each further trial of a node, without its batches",
    )


_READER = """
import sys
from data_utils.pixel_store import PixelStore
from data_utils.prepared import open_folder
root, resize, read = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
if read:
    store = PixelStore.of(open_folder(root), resize)
    total = sum(int(store[i].sum()) for i in range(len(store)) if i not in store.errors)
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
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"/proc/{pid}/smaps_rollup has no Pss line")


def starts(setting: Setting) -> Iterator[Measure]:
    """Time `upsweep run` up to its first training step, with no store and with one.

    The network sees small crops: an epoch, without which no run tells of its first step, is soon over, and decoding and
    starting take as long as ever.
    """
    with tempfile.TemporaryDirectory() as storage:
        small = replace(setting, image_size=min(setting.image_size, _SMALL))
        sweep = _sweep_file(small, Path(storage), trials=1, epochs=1, freeze="null")
        with empty_cache():
            cold = [_first_step(sweep, Path(storage))]
            warm = [_first_step(sweep, Path(storage)) for _ in range(setting.repeats)]
        for _ in range(min(3, setting.repeats) - 1):  # each takes as long as decoding everything
            with empty_cache():
                cold.append(_first_step(sweep, Path(storage)))
    yield measure(
        "start_cold_s",
        cold,
        "s",
        "from `upsweep run` to the first step: every image is decoded for it",
    )
    yield measure("start_warm_s", warm, "s", "the same with the images decoded already")


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
        raise InputError("bench", ["the sweep that times the start ended without an epoch; " + _SEE_WHY])
    epochs = pd.read_parquet(storage / "bench" / "epochs.parquet")
    return seen - start - float(epochs["seconds"].iloc[0])


def sweep(setting: Setting) -> Iterator[Measure]:
    """Run eight trials, two at once where there is room, and compare the wall time with what the trials themselves computed."""
    import pandas as pd

    slots = 2 if setting.device == "cuda" else min(2, CPU_THREADS)
    with tempfile.TemporaryDirectory() as storage:
        short = _sweep_file(setting, Path(storage), trials=2, epochs=3, freeze="features")
        _run(short)
        before = pd.read_parquet(Path(storage) / "bench" / "epochs.parquet")
        epoch = float(before.loc[before["epoch"] > 1, "seconds"].median())  # a worker's first takes longer
        epochs = max(1, round(setting.trial_seconds / epoch))
        sweep = _sweep_file(setting, Path(storage), trials=8, epochs=epochs, freeze="features")
        wall = seconds(lambda: _run(sweep))
        trials = pd.read_parquet(Path(storage) / "bench" / "trials.parquet")
    own = float(trials["seconds"].sum()) / slots
    yield measure(
        "sweep_overhead",
        [100 * (wall / own - 1)],
        "%",
        f"eight trials, {slots} at once: {wall:.0f} s for {own:.0f} s",
    )


def _run(sweep: Path) -> None:
    command = [sys.executable, "-m", "tuning.cli", "run", str(sweep), "--overwrite"]
    if code := subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
        raise InputError("bench", [f"a sweep that is timed ended with exit code {code}; " + _SEE_WHY])


def _sweep_file(setting: Setting, storage: Path, trials: int, epochs: int, freeze: str) -> Path:
    """Write a sweep of the embedded sample or the folder whose trials differ in nothing that costs time."""
    path = storage / "bench.yaml"
    points = ", ".join(f"{{lr: {0.001 / (i + 1):g}}}" for i in range(trials))
    path.write_text(
        f"name: bench\n"
        f"data: {{root: {setting.root!r}, resize: {setting.resize}, image_size: {setting.image_size}, "
        f"on_bad_image: skip, batch_size: 64}}\n"
        f"model: {{arch: {setting.arch}, freeze: {freeze}, hidden: 512}}\n"
        f"train: {{max_epochs: {epochs}}}\n"
        f"search: {{points: [{points}]}}\n"
        f"stop: {{up: null}}\nretrain: null\nstorage: {storage}\n"
        f"resources: {{max_concurrent: 2, gpus: {0.5 if setting.device == 'cuda' else 0}}}\n"
    )
    return path
