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


SCRATCH, FINETUNE = "alexnet-scratch", "alexnet-finetune"
FIGURES = {
    "paper_alexnet": [
        (SCRATCH, (0.1, 20), 0.1625, 6, "NaN at 8", None),
        (SCRATCH, (0.01, 30), 0.4761, 92, "185", None),
        (SCRATCH, (0.01, 45), 0.5363, 90, "not given", 0.5092),
        (SCRATCH, (0.001, 60), 0.0919, 3, "constant for 25 epochs", None),
        (FINETUNE, (0.1, 20), None, None, "diverged in the first epochs", None),
        (FINETUNE, (0.01, 30), 0.8630, 52, "120", None),
        (FINETUNE, (0.01, 45), 0.8721, 90, "115", 0.8500),
        (FINETUNE, (0.001, 60), 0.8513, 113, "180", None),
        ("alexnet-frozen-features", None, None, None, None, 0.8852),
        ("alexnet-frozen-classifier", None, None, None, None, 0.7242),
        ("alexnet-augment-1", None, None, None, None, 0.7221),
        ("alexnet-augment-2", None, None, None, None, 0.6889),
        ("alexnet-augment-3", None, None, None, None, 0.7459),
        (SCRATCH, None, None, None, None, 0.6374),
        (FINETUNE, None, None, None, None, 0.8766),
        ("alexnet-frozen-features", None, None, None, None, 0.8683),
    ],
    "paper_vgg11": [
        ("vgg11-scratch", (0.1, 20), None, None, "diverged", None),
        ("vgg11-scratch", (0.01, 30), None, 55, None, 0.523),
        ("vgg11-finetune", (0.1, 20), None, None, "diverged", None),
        ("vgg11-finetune", (0.001, 60), None, 147, None, 0.907),
        ("vgg11-augment-3", None, None, 101, None, 0.8676),
        ("vgg11-finetune", None, None, None, None, 0.927),
    ],
}  # fmt: skip
"""The paper's table, the earlier revision's, and the public runs': sweep, pair, best on validation and when, when it stopped, test."""


@pytest.mark.parametrize("name", FIGURES)
def test_the_papers_figures_are_all_there(name: str) -> None:
    """To the digit; which of the two augmented figures is which the paper does not say, and so the table does."""
    figures = study(name).figures
    found = [
        (one.sweep, one.point and tuple(one.point.values()), one.val_accuracy, one.epoch, one.stopped, one.test_accuracy)
        for one in figures
    ]  # fmt: skip
    assert found == FIGURES[name]
    unsaid = {one.sweep: one.test_accuracy for one in figures if "not said" in one.run}
    assert (
        unsaid
        == {
            "paper_alexnet": {"alexnet-augment-1": 0.7221, "alexnet-augment-2": 0.6889},
            "paper_vgg11": {"vgg11-scratch": None, "vgg11-finetune": None},
        }[name]
    )
