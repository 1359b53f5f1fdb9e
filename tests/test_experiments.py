"""Every sweep file that ships."""

from pathlib import Path

import pytest

from tuning.config import load_sweep
from tuning.space import trial_specs

FILES = sorted((Path(__file__).parents[1] / "experiments").glob("*.yaml"))
PAIRS = [(0.1, 20), (0.01, 30), (0.01, 45), (0.001, 60)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_loads_and_tries_the_papers_pairs(path: Path) -> None:
    """Named like its file, with a header that says what it reproduces."""
    sweep = load_sweep(path)
    assert sweep.name == path.stem.replace("_", "-")
    assert path.read_text().startswith("# ")
    assert [(spec.recipe.lr, spec.recipe.step_size) for spec in trial_specs(sweep)] == PAIRS


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem != "quickstart"], ids=lambda path: path.stem
)
def test_a_study_is_the_papers_protocol(path: Path) -> None:
    """200 epochs, batches of 256 at 224 pixels, UP with k = s = 5."""
    sweep = load_sweep(path)
    assert (sweep.train.max_epochs, sweep.data.batch_size, sweep.data.image_size) == (200, 256, 224)
    assert sweep.stop.up is not None
    assert (sweep.stop.up.strip_length, sweep.stop.up.successive, sweep.stop.up.ties) == (5, 5, "stop")
