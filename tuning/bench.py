"""`upsweep bench`: how fast this machine trains, each figure side by side with what it is compared to, in one run."""

from collections.abc import Callable, Iterator

import torch

from tuning.bench_figures import CPU_THREADS, Measure, Setting
from tuning.bench_processes import memory, starts, sweep
from tuning.bench_training import epochs, step, store


def measure_all(setting: Setting, say: Callable[[str], None]) -> Iterator[Measure]:
    """Measure everything, one after another; `say` is told what is being measured."""
    torch.set_num_threads(CPU_THREADS)
    for part in (store, step, epochs, memory, starts, sweep):
        say(f"measuring {part.__name__}")
        yield from part(setting)
