"""`python -m tests.scale.workers [--trials 32] [--seconds 0.5] [--repeats 3]`: four workers against one, on toys that only sleep.

Each worker is a node that lends one core, the head lends none. Sleeping takes no core, so a machine of two shows what the
driver and Ray cost a cluster. Ideal are four times the epochs a second, from the first epoch reported to the end of the last
trial; what starting the processes takes is left out for both. Exits with 1 if the median share of that is below 0.9.
"""

import argparse
import json
import logging
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.cluster_utils import Cluster
from ray.tune.experiment import Trial

from tests.scale.side import ours
from tuning import cluster, ray_inside
from tuning.results import processor_name
from tuning.token import MODE, TOKEN, new_token

EPOCHS = 10
"""Of each trial."""
WORKERS = (1, 4)
LEAST = 0.9
"""Of ideal scaling."""


class FirstEpoch(tune.Callback):
    """Looks at the clock when the first epoch is reported."""

    def __init__(self) -> None:
        self.reported: float | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Give Ray, which pickles its callbacks with the experiment, nothing."""
        return {}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Look."""
        self.reported = self.reported or time.perf_counter()


def measure(workers: int, trials: int, seconds: float) -> float:
    """Return the seconds from the first epoch to the end of a sweep on so many workers."""
    os.environ |= {MODE: "token", TOKEN: new_token()}
    ray_inside.reread_environment()
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(workers):
        nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False, logging_level=logging.ERROR)
    cluster.start()
    first = FirstEpoch()
    with tempfile.TemporaryDirectory(prefix="upsweep-workers-") as folder:
        ours(Path(folder), trials, EPOCHS, first, lambda _: seconds)
    end = time.perf_counter()
    ray.shutdown()
    nodes.shutdown()
    assert first.reported is not None
    return end - first.reported


def main() -> None:
    """Measure one worker and four in turns, each time in a process of its own, and print the share of the ideal."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale.workers")
    parser.add_argument("--trials", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=0.5, help="that an epoch sleeps")
    parser.add_argument("--repeats", type=int, default=3, help="of each number of workers")
    parser.add_argument("--workers", type=int, help="measure this number alone, and print it as JSON")
    asked = parser.parse_args()
    if asked.workers is not None:
        print(json.dumps(measure(asked.workers, asked.trials, asked.seconds)))
        return
    load, shares = os.getloadavg()[0], list[float]()
    for repeat in range(asked.repeats):
        took = {workers: _run(workers) for workers in (WORKERS if repeat % 2 == 0 else reversed(WORKERS))}
        one, four = (took[workers] for workers in WORKERS)
        shares.append(one / four / 4)
        print(f"1 worker: {one:.1f} s, 4 workers: {four:.1f} s, share {shares[-1]:.3f}", flush=True)
    share = statistics.median(shares)
    print(
        f"share of ideal scaling: {share:.3f} ({min(shares):.3f} to {max(shares):.3f}; {asked.trials} trials of {EPOCHS} epochs "
        f"of {asked.seconds} s, n = {asked.repeats}; {processor_name()}, {platform.node()}, Ray {version('ray')}, load {load:.1f} "
        "at the start)"
    )
    sys.exit(share < LEAST)


def _run(workers: int) -> float:
    """Measure in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.scale.workers", *sys.argv[1:], "--workers", str(workers)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds: float = json.loads(done.stdout.splitlines()[-1])
    return seconds


if __name__ == "__main__":
    main()
