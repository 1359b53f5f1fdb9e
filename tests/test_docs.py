"""What the pages of docs/ show is true."""

import re
from pathlib import Path

import pytest

from tuning.config import load_sweep
from tuning.space import trial_specs

PAGE = Path(__file__).parents[1] / "docs" / "your_own.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("number", "trials"), list(enumerate([6, 2, 6])))
def test_the_sweep_files_shown_load(tmp_path: Path, number: int, trials: int) -> None:
    """Each is a whole file, of as many trials."""
    assert len(BLOCKS) == 3
    path = tmp_path / "shown.yaml"
    path.write_text(BLOCKS[number])
    assert len(trial_specs(load_sweep(path))) == trials
