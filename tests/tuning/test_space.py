"""Points and grids as trials."""

from typing import Any

from tuning.config import Sweep
from tuning.space import TUNABLE, trial_specs


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


def test_a_grid_is_every_combination() -> None:
    """The last key varies fastest."""
    specs = trial_specs(sweep({"grid": {"lr": [0.1, 0.2], "step_size": [1, 2]}}))
    assert [(s.recipe.lr, s.recipe.step_size) for s in specs] == [(0.1, 1), (0.1, 2), (0.2, 1), (0.2, 2)]


def test_pretrained_networks_see_imagenets_normalisation() -> None:
    """`transform: auto` follows the weights."""
    points = {"points": [{"lr": 0.1}]}
    assert trial_specs(sweep(points))[0].recipe.transform == "scratch"
    assert trial_specs(sweep(points, weights="imagenet"))[0].recipe.transform == "transfer"


def test_every_tunable_is_a_setting() -> None:
    """The table names fields that exist."""
    for section, key in TUNABLE.values():
        assert key in getattr(sweep({"points": [{"lr": 0.1}]}), section).model_fields_set | set(
            type(getattr(sweep({"points": [{"lr": 0.1}]}), section)).model_fields
        )
