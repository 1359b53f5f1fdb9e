"""`python -m tests.safety_cost [--repeats 10] [--epochs 20]`: how much longer a sweep takes for its checkpoints.

The same sweep with a checkpoint every 60 s and without any, A B A B, after one of each that is not counted.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tuning.bench_figures import interleaved
from tuning.results import load, processor_name

SWEEP = """name: safety
data: {root: sample, resize: 64, image_size: 64, batch_size: 32}
model: {arch: alexnet, hidden: 1024, init: kaiming}
search: {points: [{lr: 0.001, step_size: 60}, {lr: 0.0009, step_size: 60}]}
stop: {up: null}
retrain: null
"""
"""Two trials at once on two cores, that share no epoch."""


def seconds(file: Path, epochs: int, period: str) -> float:
    """Return the wall time of one run of the sweep."""
    begin = time.perf_counter()
    subprocess.run(
        [
            *(sys.executable, "-m", "tuning.cli", "run", str(file), "--overwrite"),
            *("--storage", str(file.parent)),
            *("--set", f"train.max_epochs={epochs}", "--set", f"faults.checkpoint_seconds={period}"),
        ],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - begin


def main() -> None:
    """Measure, and print the median ratio with its spread."""
    parser = argparse.ArgumentParser(prog="python -m tests.safety_cost")
    parser.add_argument("--repeats", type=int, default=10, help="of each side")
    parser.add_argument(
        "--epochs", type=int, default=20, help="of each trial; enough to take more than the period"
    )
    parser.add_argument("--period", type=float, default=60.0, help="seconds between checkpoints")
    asked = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="upsweep-safety-") as folder:
        file = Path(folder, "safety.yaml")
        file.write_text(SWEEP)
        safe, bare = interleaved(
            partial(_told, "with", file, asked.epochs, str(asked.period)),
            partial(_told, "without", file, asked.epochs, "null"),
            asked.repeats,
        )
    ratios = [a / b for a, b in zip(safe, bare, strict=True)]
    print(
        f"with checkpoints every {asked.period:g} s over without: median {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f}), n = {asked.repeats}; {statistics.median(safe):.1f} s and "
        f"{statistics.median(bare):.1f} s; {processor_name()}, {platform.node()}, load {before:.1f} at the start"
    )


def _told(side: str, file: Path, epochs: int, period: str) -> float:
    took = seconds(file, epochs, period)
    trials = load(file.parent / "safety").trials
    assert trials is not None
    spent = trials["seconds_checkpoint"].sum()
    if side == "with" and not spent:
        sys.exit(f"no checkpoint was taken within {took:.0f} s: ask for more --epochs, or a shorter --period")
    print(f"{side}: {took:.1f} s, of which {spent:.2f} s of checkpoints in both trials", flush=True)
    return took


if __name__ == "__main__":
    main()
