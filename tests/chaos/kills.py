"""Which kills a sweep suffers: drawn from a seed, every victim as often as any other, its stages by turns."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.chaos.stages import ORDER, Stage
from tests.chaos.victims import Victim

STAGES = {
    Victim.DRIVER: list(Stage),
    Victim.WORKER: [Stage.TRIALS, Stage.TRIALS, Stage.BETWEEN, Stage.RETRAIN],
    Victim.NODE: [Stage.TRIALS, Stage.TRIALS, Stage.BETWEEN, Stage.RETRAIN],
}
"""{victim: the stages in which there is one}; trials take longest, so they come twice."""


@dataclass(frozen=True)
class Kill:
    """A kill that is to be."""

    victim: Victim
    stage: Stage
    fraction: float
    """Of the time that the stage takes without any kill, after which the kill comes; whatever the stage is then."""


def draw(random: Random) -> Iterator[list[Kill]]:
    """Yield the kills of one sweep after the other: one of each victim, in the order of their stages."""
    turns = {victim: _forever(stages, random) for victim, stages in STAGES.items()}
    while True:
        kills = [Kill(victim, next(turns[victim]), random.random()) for victim in Victim]
        yield sorted(kills, key=lambda kill: ORDER.index(kill.stage))


def _forever(stages: list[Stage], random: Random) -> Iterator[Stage]:
    while True:
        yield from random.sample(stages, len(stages))
