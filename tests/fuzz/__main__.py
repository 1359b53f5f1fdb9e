"""`python -m tests.fuzz [KIND ...] [--cases 2000] [--seed 0]`."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.cases import run_cases
from tests.fuzz.kinds import KINDS


def main() -> int:
    """Run the cases, print a line a kind, and return 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all by default")
    parser.add_argument("--cases", type=int, default=2000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print the messages, too")
    asked = parser.parse_args()
    if unknown := set(asked.kinds) - KINDS.keys():
        parser.error(f"no such kind: {', '.join(sorted(unknown))}")
    failed = False
    for name in asked.kinds or KINDS:
        with tempfile.TemporaryDirectory(prefix="upsweep-fuzz-") as place:
            os.environ["UPSWEEP_CACHE"] = f"{place}/cache"
            folder = Path(place, name)
            folder.mkdir()
            kind, start = KINDS[name](folder), time.monotonic()
            tally = run_cases(kind, folder, asked.cases, asked.seed)
            seconds = time.monotonic() - start
        print(
            f"{kind.name}: {tally.cases} cases, {len(tally.messages)} distinct messages, "
            f"{len(tally.failures)} failures, {seconds:.0f} s",
            flush=True,
        )
        for message in sorted(tally.messages) if asked.show else []:
            print(f"  {message}")
        for where, story in tally.failures.items():
            print(f"\n{where}\n{story}", flush=True)
        failed |= bool(tally.failures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
