"""`upsweep bench`: how fast this machine trains, each figure side by side with what it is compared to, in one run."""

from collections.abc import Callable, Collection, Iterator

import torch

from tuning.bench_figures import CPU_THREADS, Measure, Setting
from tuning.bench_processes import memory, starts, sweep
from tuning.bench_training import epochs, step, store

PARTS = {part.__name__: part for part in (store, step, epochs, memory, starts, sweep)}
"""{name on the command line: what measures it}, in the order in which they are measured."""


def measure_all(
    setting: Setting, say: Callable[[str], None], only: Collection[str] = tuple(PARTS)
) -> Iterator[Measure]:
    """Measure the parts named, one after another; `say` is told what is being measured."""
    torch.set_num_threads(CPU_THREADS)
    for name, part in PARTS.items():
        if name in only:
            say(f"measuring {name}")
            yield from part(setting)
