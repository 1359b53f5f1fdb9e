"""`python -m tests.chaos [--kills 30] [--seed 0] [--out FILE]`.

Runs a small sweep once without a break, then again and again with `kill -9` of its driver, a worker or a node at moments
drawn from the seed, resuming it until it has ended, and compares every result with the first. Exits with 1 if any differs.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from tests.chaos.attempts import EVERY_EPOCH, LAGGING, Story, live_through, write_images
from tests.chaos.compare import differences
from tests.chaos.kills import draw


def main() -> int:
    """Run it, print a row a kill, and return 1 if a sweep did not end as the uninterrupted one."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="a text file for the table")
    parser.add_argument("--keep", type=Path, help="a new folder for the sweeps, which are otherwise removed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="upsweep-chaos-") as temporary:
        table, bad = _run(asked.keep or Path(temporary), asked.kills, Random(asked.seed))
    console = Console(width=150)
    console.print(table)
    if asked.out:
        with asked.out.open("w", encoding="utf-8") as file:
            Console(file=file, width=150).print(table)
    for story in bad:
        console.print(story, markup=False, highlight=False, soft_wrap=True)
    return int(bool(bad))


def _run(place: Path, kills: int, random: Random) -> tuple[Table, list[str]]:
    """Return the table of the kills, and what is to be said of the sweeps that ended otherwise."""
    images = write_images(place)
    whole = live_through(images, place / "whole", [], {}, random)
    if not whole.ended:
        raise RuntimeError(f"the sweep does not even end without a kill:\n{whole.last_words}")
    table = Table("kill", "sweep", "victim", "stage", "second", "what it did", "what followed", "the end")
    bad: list[str] = []
    begin, done = time.monotonic(), 0
    for number, plan in enumerate(draw(random), start=1):
        if done >= kills:
            break
        period = LAGGING if number % 2 == 0 else EVERY_EPOCH
        folder = place / f"sweep_{number}"
        story = live_through(images, folder, plan[: kills - done], whole.seconds, random, period)
        end, why = _judge(story, whole.folder)
        bad += [f"sweep {number}: {line}" for line in why]
        for struck in story.struck:
            done += 1
            table.add_row(
                str(done), str(number), struck.victim, struck.stage, f"{struck.second:.1f}", struck.what, struck.followed, end
            )  # fmt: skip
            print(f"{done}/{kills}: {struck.victim} in {struck.stage}: {struck.followed}; {end}", flush=True)
    seconds = time.monotonic() - begin
    equal = sum(row == "equal" for row in table.columns[-1].cells)
    table.caption = f"{equal} of {done} ended equal; {seconds / max(done, 1):.0f} s a kill"
    return table, bad


def _judge(story: Story, whole: Path) -> tuple[str, list[str]]:
    """Return the table's word for a sweep's end, and why it is not `equal`."""
    if not story.ended:
        return "no end", [f"did not end; exits {story.exits}; it said last:\n{story.last_words}"]
    found = differences(story.folder, whole)
    return ("other", found) if found else ("equal", [])


if __name__ == "__main__":
    sys.exit(main())
