"""`python -m tests.scale [--trials 1000] [--repeats 1] [--epochs 20]`: the driver beside plain Ray Tune.

Each side runs in a process of its own, A B A B. Seconds are wall time; beside them the driver's own processor time, which
other work on the machine does not stretch as much.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tuning.results import processor_name

SIDES = ("ours", "plain")
FIGURES = {
    "seconds": "s from start to end",
    "ms_a_trial": "ms a trial, without the first ten",
    "driver_ms_a_trial": "ms of the driver's processor a trial",
    "peak_mb": "MB of the driver at most",
    "kb_a_trial": "kB of the driver a trial",
}


def measure(trials: int, repeats: int, epochs: int) -> dict[str, list[dict[str, float]]]:
    """Return {side: its figures, one each time}."""
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for repeat in range(repeats):
        for side in SIDES if repeat % 2 == 0 else reversed(SIDES):
            found[side].append(_run(side, trials, epochs))
            print(side, found[side][-1], flush=True)
    return found


def _run(side: str, trials: int, epochs: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.scale.side", side, str(trials), str(epochs)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure, and print a table of medians and the ratio of each pair."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=1, help="of each side")
    parser.add_argument("--epochs", type=int, default=20, help="of each trial")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    found = measure(asked.trials, asked.repeats, asked.epochs)
    table = Table("figure", *SIDES, "ratio", "lowest", "highest", title=f"{asked.trials} trials")
    for figure, meaning in FIGURES.items():
        a, b = ([one[figure] for one in found[side]] for side in SIDES)
        ratios = [x / y for x, y in zip(a, b, strict=True)]
        shown = [f"{statistics.median(values):.1f}" for values in (a, b)]
        spread = [f"{value:.2f}" for value in (statistics.median(ratios), min(ratios), max(ratios))]
        table.add_row(meaning, *shown, *spread)
    table.caption = (
        f"{asked.epochs} epochs a trial, n = {asked.repeats}; {processor_name()}, {platform.node()}, "
        f"Ray {version('ray')}, load {load:.1f} at the start"
    )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
