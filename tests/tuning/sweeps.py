"""Trees of sweeps with made-up curves, for tests of what reads them; as a program, how long a thousand take to read.

`python -m tests.tuning.sweeps FOLDER` writes 1,000 sweeps of 4 trials and 100 epochs to a new folder, and answers two
questions 10 times each, every time in a process of its own; cold is after the files have left the page cache.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.tuning.rows import curve, specs
from tuning.config import StopSettings
from tuning.records import trial_row
from tuning.results import write_epochs, write_predictions, write_test, write_trials
from tuning.retrain import Retrained

CLASSES = ["ant", "bee", "cat"]

QUESTIONS = {
    "best trial of each sweep": "analysis.best_trials(load(path))",
    "best epoch of each trial, from all epoch rows": "analysis.best_epochs(load(path))",
}
_ASK = """
import resource, sys, time
begin = time.perf_counter()
from tuning import analysis
from tuning.results import load
path, ready = sys.argv[1], time.perf_counter()
answer = {question}
done = time.perf_counter()
print(len(answer), done - ready, done - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def write_sweep(folder: Path, *, trials: int = 4, epochs: int = 100, seed: int = 0) -> None:
    """Write a sweep's four tables; the sweep is called like its folder, and no curve is like another."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    rise = 1 - np.exp(-np.arange(1, epochs + 1) / 20)
    accuracies = rng.uniform(0.5, 0.9, (trials, 1)) * rise + rng.uniform(0, 0.05, (trials, epochs))
    name, all_specs = folder.name, specs(trials)
    rows = [curve(trial, *map(float, values), sweep=name) for trial, values in enumerate(accuracies)]
    write_epochs(folder, [row for of_trial in rows for row in of_trial])
    ended = [
        trial_row(spec, of_trial, sweep=name, stop=StopSettings(up=None), max_epochs=epochs, worker=None, error=None)
        for spec, of_trial in zip(all_specs, rows, strict=True)
    ]  # fmt: skip
    write_trials(folder, ended)
    tested = _tested(rng)
    write_test(folder, name, all_specs[0], [tested])
    write_predictions(folder, name, [tested])


def _tested(rng: np.random.Generator) -> Retrained:
    labels = np.repeat(np.arange(3), 4)
    probabilities = rng.dirichlet(np.ones(3), 12).astype(np.float32)
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    return Retrained(
        seed=0, epochs=2, train_images=24, split_digest="d", classes=CLASSES,
        paths=[f"{CLASSES[label]}/{i}.jpg" for i, label in enumerate(labels)], labels=labels,
        probabilities=probabilities, loss=1.0, accuracy=accuracy, mean_class_accuracy=accuracy, versions={}, state={},
    )  # fmt: skip


def _forget(folder: Path) -> None:
    """Drop a tree's files from the page cache; others' files stay."""
    for file in folder.rglob("*.parquet"):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measure(folder: Path, question: str, cold: bool, repeats: int = 10) -> None:
    figures = []
    for _ in range(repeats):
        if cold:
            _forget(folder)
        asked = _ASK.format(question=QUESTIONS[question])
        said = subprocess.run(
            [sys.executable, "-c", asked, str(folder)], capture_output=True, text=True, check=True
        )
        figures.append([float(figure) for figure in said.stdout.split()])
    rows, answer, process, memory = (list(column) for column in zip(*figures, strict=True))
    print(
        f"{question} ({rows[0]:.0f} rows), {'cold' if cold else 'warm'}: median {statistics.median(answer):.2f} s "
        f"({min(answer):.2f} to {max(answer):.2f}), with imports {statistics.median(process):.2f} s, "
        f"peak memory {max(memory):.0f} MB, n = {repeats}",
        flush=True,
    )


if __name__ == "__main__":
    target = Path(sys.argv[1])
    for number in range(1000):
        write_sweep(target / f"alexnet-{number:04d}", seed=number)
    for one in QUESTIONS:
        for is_cold in (False, True):
            _measure(target, one, is_cold)
