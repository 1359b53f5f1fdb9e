"""Points and grids as trials."""

from pathlib import Path
from typing import Any

from tuning.config import Sweep
from tuning.space import TUNABLE, _with, trial_specs


def sweep(search: dict[str, Any], **model: Any) -> Sweep:
    """Return a sweep of the sample."""
    return Sweep.model_validate(
        {"name": "s", "data": {"root": "sample"}, "model": {"arch": "alexnet"} | model, "search": search}
    )


def test_points_are_trials_in_their_order() -> None:
    """What a point leaves out is the sweep's own."""
    first, second = trial_specs(sweep({"points": [{"lr": 0.1, "step_size": 20}, {"batch_size": 8}]}))
    assert (first.index, first.recipe.lr, first.recipe.step_size, first.recipe.batch_size) == (
        0,
        0.1,
        20,
        256,
    )
    assert (second.index, second.recipe.lr, second.recipe.step_size, second.recipe.batch_size) == (
        1,
        0.01,
        30,
        8,
    )
    assert second.point == {"batch_size": 8}


def test_a_trials_settings_hold_no_other_point() -> None:
    """Each is checked on its own, and of thousands of points each would be checked with all others."""
    one = sweep({"points": [{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.3}]})
    assert _with(one, {"lr": 0.2}).search.points == [{}]
    assert _with(one, {"lr": 0.2}).train.lr == 0.2


def test_a_grid_is_every_combination() -> None:
    """The last key varies fastest."""
    specs = trial_specs(sweep({"grid": {"lr": [0.1, 0.2], "step_size": [1, 2]}}))
    assert [(s.recipe.lr, s.recipe.step_size) for s in specs] == [(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2)]


def test_pretrained_networks_see_imagenets_normalisation() -> None:
    """`transform: auto` follows the weights."""
    points = {"points": [{"lr": 0.1}]}
    assert trial_specs(sweep(points))[0].recipe.transform == "scratch"
    assert trial_specs(sweep(points, weights="imagenet"))[0].recipe.transform == "transfer"


def test_every_tunable_is_a_setting_and_part_of_the_recipe() -> None:
    """The table names fields that exist, and a trial knows its value of each."""
    one = sweep({"points": [{"lr": 0.1}]})
    for section, key in TUNABLE.values():
        assert key in type(getattr(one, section)).model_fields
    assert trial_specs(one)[0].hyperparameters["momentum"] == 0.9
    assert trial_specs(one)[0].hyperparameters.keys() == TUNABLE.keys()


def test_paths_in_a_recipe_are_absolute() -> None:
    """A worker may run in another folder."""
    spec = trial_specs(sweep({"points": [{"lr": 0.1}]}, weights="w.pth"))[0]
    assert spec.recipe.weights == str(Path("w.pth").resolve())
    assert spec.recipe.root == "sample"


def test_a_list_of_modules_is_text_among_hyperparameters() -> None:
    """A column holds one value; the recipe holds the names."""
    (one,) = trial_specs(sweep({"points": [{"lr": 0.1}]}, arch="resnet18", freeze=["conv1", "layer1"]))
    assert one.recipe.freeze == ("conv1", "layer1")
    assert one.hyperparameters["freeze"] == "conv1,layer1"
