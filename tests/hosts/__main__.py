"""`python -m tests.hosts [--short]`.

Starts a cluster over four hosts, as `tests.hosts.network` makes them: a head without cores, two workers, a client, all by
docker/start and the command `upsweep`. The client submits the quickstart, looks at it, stops it and resumes it; then one
worker's link is cut for a while. What is fetched in the end is compared with a run on this machine. Exits with 1 if it
differs, or if a client without the token, or with a wrong one, is let in.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.hosts.network import why_not
from tests.hosts.story import Story


def main() -> int:
    """Run it, and return 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosts")
    parser.add_argument("--short", action="store_true", help="a few epochs of a small network")
    parser.add_argument(
        "--keep", type=Path, help="a new folder for all that is written, which is otherwise removed"
    )
    asked = parser.parse_args()
    if (reason := why_not()) is not None:
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="up-hosts-", dir="/tmp") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        problems = Story(folder, asked.short).live()
    for problem in problems:
        print(f"NOT AS IT SHOULD BE: {problem}")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
