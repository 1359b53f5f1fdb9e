"""The short form of the fuzzing: some cases of each kind, always the same."""

from pathlib import Path

import pytest

from tests.fuzz.cases import run_cases
from tests.fuzz.kinds import KINDS

CASES = 60


@pytest.mark.parametrize("name", list(KINDS))
def test_bad_bytes_end_in_a_message_that_names_the_file(name: str, tmp_path: Path) -> None:
    """And never in a traceback."""
    tally = run_cases(KINDS[name](tmp_path), tmp_path, CASES, None)
    assert not tally.failures, "\n\n".join(f"{where}\n{story}" for where, story in tally.failures.items())
    assert tally.cases >= CASES
    assert len(tally.messages) >= 5
