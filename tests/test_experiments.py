"""Every sweep and study file that ships."""

from pathlib import Path

import pytest

from tuning.config import load_sweep
from tuning.space import trial_specs
from tuning.study_file import Study, is_study, load_study

FILES = sorted((Path(__file__).parents[1] / "experiments").glob("*.yaml"))
SWEEPS = [path for path in FILES if not is_study(path)]
STUDIES = [path for path in FILES if is_study(path)]
PAIRS = [(0.1, 20), (0.01, 30), (0.01, 45), (0.001, 60)]


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_it_loads_and_tries_the_papers_pairs(path: Path) -> None:
    """Named like its file, with a header that says what it reproduces."""
    sweep = load_sweep(path)
    assert sweep.name == path.stem.replace("_", "-")
    assert path.read_text().startswith("# ")
    assert [(spec.recipe.lr, spec.recipe.step_size) for spec in trial_specs(sweep)] == PAIRS


@pytest.mark.parametrize(
    "path", [path for path in SWEEPS if path.stem != "quickstart"], ids=lambda path: path.stem
)
def test_a_sweep_of_the_paper_is_its_protocol(path: Path) -> None:
    """200 epochs, its batches at 224 pixels, UP with k = s = 5."""
    sweep = load_sweep(path)
    batch_size = {"alexnet": 256, "vgg11": 32}[sweep.model.arch]
    assert (sweep.train.max_epochs, sweep.data.batch_size, sweep.data.image_size) == (200, batch_size, 224)
    assert sweep.stop.up is not None
    assert (sweep.stop.up.strip_length, sweep.stop.up.successive, sweep.stop.up.ties) == (5, 5, "stop")


def study(name: str, *overrides: str) -> Study:
    """Return a study that ships, in its small scale."""
    path = next(path for path in STUDIES if path.stem == name)
    return load_study(path, list(overrides), "small")


def test_the_studies_hold_every_run_of_the_paper() -> None:
    """In the paper's order; the frozen runs and the augmented ones take the fine-tune's best pair."""
    handed = {
        name: [(member.name, member.best_point_of) for member in study(name).members]
        for name in ("paper_alexnet", "paper_vgg11")
    }
    augmented = [f"augment-{i}" for i in (1, 2, 3)]
    assert handed["paper_alexnet"] == [
        ("alexnet-scratch", None), ("alexnet-finetune", None),
        ("alexnet-frozen-features", "alexnet-finetune"), ("alexnet-frozen-classifier", "alexnet-finetune"),
        *((f"alexnet-{name}", "alexnet-finetune") for name in augmented),
    ]  # fmt: skip
    assert handed["paper_vgg11"] == [
        ("vgg11-scratch", None), ("vgg11-finetune", None),
        *((f"vgg11-{name}", "vgg11-finetune") for name in augmented),
    ]  # fmt: skip


@pytest.mark.parametrize("name", [path.stem for path in STUDIES])
def test_weights_for_all_leave_the_scratch_run_without(name: str) -> None:
    """One command names the weights, and every other sweep gets them."""
    given = [member.sweep().model.weights for member in study(name, "model.weights=own.safetensors").members]
    assert given == [None] + ["own.safetensors"] * (len(given) - 1)


def test_the_papers_figures_are_all_there() -> None:
    """The tests of the paper's table and of the earlier revision's, to the digit."""
    tests = {
        name: [figure.test_accuracy for figure in study(name).figures if figure.test_accuracy is not None]
        for name in ("paper_alexnet", "paper_vgg11")
    }
    assert tests["paper_alexnet"] == [0.5092, 0.85, 0.8852, 0.7242, 0.7221, 0.6889, 0.7459]
    assert tests["paper_vgg11"] == [0.523, 0.907, 0.8676]
