"""A sweep from its start to its end through kills: run, killed, resumed, until it has ended."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from tests.chaos import victims
from tests.chaos.kills import Kill
from tests.chaos.stages import ORDER, Stage, stage
from tests.chaos.victims import Victim
from tests.few_digits import write_digits
from tuning.ending import ENDING
from tuning.journal import FOLDER as JOURNAL

ROOT = Path(__file__).parents[2]
IMAGES = 24
"""Of each of the embedded sample's ten classes: an epoch takes half a second."""
SWEEP = """name: chaos
data: {root: digits, resize: 64, image_size: 64, batch_size: 25}
model: {arch: alexnet, hidden: 256, init: kaiming}
train: {max_epochs: 8, precision: fp32}
stop: {up: {strip_length: 1, successive: 2}}
search: {points: [{lr: 0.001, step_size: 2}, {lr: 0.001, step_size: 3}, {lr: 0.001, step_size: 4}]}
retrain: {seeds: [0]}
resources: {max_concurrent: 2}
faults: {checkpoint_seconds: PERIOD}
track: {tensorboard: false}
"""
"""Three trials that share their first epochs, and that the UP rule may end."""
EVERY_EPOCH = 1e-6
LAGGING = 1.5
"""Seconds between checkpoints: epochs of before the kill are computed again."""
TRIALS = 3
LONGEST = 300.0
"""Seconds after which an attempt counts as hung."""
MOST_ATTEMPTS = 10


@dataclass
class Struck:
    """A kill that was."""

    victim: Victim
    stage: Stage
    second: float
    """Since the attempt's start."""
    what: str
    followed: str = ""


@dataclass
class Story:
    """What became of a sweep."""

    folder: Path
    struck: list[Struck] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    """Of each attempt."""
    last_words: str = ""
    seconds: dict[Stage, float] = field(default_factory=dict)
    """{stage of the first attempt: how long it took}"""

    @property
    def ended(self) -> bool:
        """Whether it came to its end, as `upsweep resume` judges it."""
        return (self.folder / ENDING).exists() and not (self.folder / JOURNAL).exists()


def write_images(place: Path) -> Path:
    """Write the images that all sweeps of a run see, and return their folder."""
    return write_digits(place / "digits", IMAGES)


def sweep_file(place: Path, images: Path, period: float = EVERY_EPOCH) -> Path:
    """Write the sweep's file into a folder, and return it."""
    file = place / "chaos.yaml"
    file.write_text(SWEEP.replace("digits", str(images)).replace("PERIOD", f"{period:.6f}"))
    return file


def live_through(
    images: Path,
    place: Path,
    kills: list[Kill],
    stages: dict[Stage, float],
    random: Random,
    period: float = EVERY_EPOCH,
) -> Story:
    """Run a sweep in a new folder with a cache of its own, through these kills, to its end.

    Args:
        images: what `write_images` wrote.
        stages: {stage: the seconds it takes without kills}.
        period: seconds between a trial's checkpoints.
    """
    place.mkdir(parents=True)
    file = sweep_file(place, images, period)
    story, left = Story(place / "runs" / "chaos"), list(kills)
    while not story.ended and len(story.exits) < MOST_ATTEMPTS:
        begun = (story.folder / "sweep.yaml").exists()
        what = ["resume", story.folder] if begun else ["run", file, "--storage", place / "runs"]
        _attempt(place, list(map(str, what)), story, left, stages, random)
        if story.exits[-1] == 2:
            break  # refused: trying again would be refused again
    return story


def _attempt(
    place: Path, what: list[str], story: Story, left: list[Kill], stages: dict[Stage, float], random: Random
) -> None:
    """Run the command once, and take from `left` what it suffers."""
    until_driver = left[: next((i for i, kill in enumerate(left) if kill.victim is Victim.DRIVER), len(left))]
    on_nodes = any(kill.victim is Victim.NODE for kill in until_driver)
    module = "tests.chaos.on_nodes" if on_nodes else "tuning.cli"
    said = place / f"said_{len(story.exits)}.txt"
    environment = os.environ | {"UPSWEEP_CACHE": str(place / "cache"), "RAY_USAGE_STATS_ENABLED": "0"}
    begin = time.monotonic()
    with said.open("w") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", module, *what], stdout=out, stderr=out, cwd=ROOT, env=environment
        )
    driver, below = psutil.Process(running.pid), list[psutil.Process]()
    entered, here = {Stage.STARTING: begin}, list[Struck]()
    while running.poll() is None and (now := time.monotonic()) - begin < LONGEST:
        at = stage(said.read_text(), story.folder, TRIALS)
        entered.setdefault(at, now)
        if left and _is_due(left[0], entered, stages, now):
            below = victims.family(driver)
            if what_died := victims.kill(left[0].victim, driver, random):
                here.append(Struck(left.pop(0).victim, at, now - begin, what_died))
        time.sleep(0.01)
    hung = running.poll() is None
    if hung:
        below = victims.family(driver)
        running.kill()
    running.wait()
    if hung or on_nodes:  # a cluster outlives its driver; alone, Ray's processes have to end by themselves
        victims.kill_all(below)
    story.exits.append(running.returncode)
    story.last_words = said.read_text()[-3000:] + ("\n(hung, and killed)" if hung else "")
    for struck in here:
        last = struck is here[-1] and struck.victim is Victim.DRIVER
        struck.followed = "resumed" if last else _FOLLOWED.get(running.returncode, "")
    story.struck += here
    if len(story.exits) == 1:
        times = [*entered.values(), time.monotonic()]
        story.seconds = {at: end - start for at, start, end in zip(entered, times, times[1:], strict=False)}


_FOLLOWED = {
    0: "went on by itself",
    1: "a trial or the retrain failed; resumed",
    -9: "the driver was killed later; resumed",
}
"""{exit status of the attempt: what followed a kill that spared the driver}"""


def _is_due(kill: Kill, entered: dict[Stage, float], stages: dict[Stage, float], now: float) -> bool:
    """Whether the moment of a kill has come: in its stage, or in a later one if that has gone by."""
    begun = [at for at in entered if ORDER.index(at) >= ORDER.index(kill.stage)]
    return bool(begun) and now - entered[begun[0]] >= kill.fraction * stages.get(kill.stage, 0.0)
