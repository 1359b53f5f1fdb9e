"""What keeps a sweep from running is said before anything is computed."""

from pathlib import Path
from typing import Any

import pytest

from data_utils.errors import InputError
from tuning.config import Sweep
from tuning.plan import plan


def sweep(images: Path, storage: Path, **sections: dict[str, Any]) -> Sweep:
    """Return a sweep of the eighteen images."""
    values: dict[str, Any] = {
        "name": "s",
        "data": {"root": str(images), "resize": 64, "image_size": 64},
        "model": {"arch": "resnet18"},
        "search": {"points": [{"lr": 0.1}, {"lr": 0.01}]},
        "storage": str(storage),
    }
    return Sweep.model_validate({key: value | sections.get(key, {}) if isinstance(value, dict) else value
                                 for key, value in values.items()})  # fmt: skip


def problems(one: Sweep) -> list[str]:
    """Return what is said of a sweep."""
    with pytest.raises(InputError) as raised:
        plan(one)
    return list(raised.value.problems)


def test_any_network_is_planned(images: Path, tmp_path: Path) -> None:
    """Six of the eighteen images train."""
    todo = plan(sweep(images, tmp_path, model={"freeze": ["conv1", "layer1"]}))
    assert (todo.train, len(todo.trials)) == (6, 2)


def test_each_networks_problem_is_said_once(images: Path, tmp_path: Path) -> None:
    """However many trials have it, and weights are not looked at for a network that cannot be built."""
    grid = {"grid": {"arch": ["vit_b_16", "alexnet"], "batch_size": [2, 3]}, "points": None}
    said = problems(
        sweep(
            images,
            tmp_path,
            data={"image_size": 50},
            search=grid,
            model={"weights": str(tmp_path / "none.pth")},
        )
    )
    assert [text.partition(" (")[0] for text in said] == [
        "data.image_size: vit_b_16 cannot take 50 pixels a side",
        "data.image_size: alexnet needs at least 63 pixels a side, but got 50",
        f"{tmp_path}/none.pth: no such weight file; give imagenet, a .safetensors or a state-dict .pth",
    ]


def test_modules_to_freeze_must_be_there_in_every_network(images: Path, tmp_path: Path) -> None:
    """AlexNet has no conv1."""
    grid = {"grid": {"arch": ["resnet18", "alexnet"]}, "points": None}
    (problem,) = problems(sweep(images, tmp_path, model={"freeze": ["conv1"]}, search=grid))
    assert problem.startswith("model.freeze: 'conv1' is no module of AlexNet; there are features,")


def test_a_batch_of_one_is_refused_where_batch_norm_needs_two(images: Path, tmp_path: Path) -> None:
    """Whether asked for, or because one image trains."""
    small = {"image_size": 32, "resize": 32}
    (problem,) = problems(sweep(images, tmp_path, data=small | {"batch_size": 1}))
    assert problem.startswith("data.batch_size: resnet18 at 32 pixels a side has batch norm")
    (images / "train.txt").write_text("ant/0.jpg\nbee/0.jpg\n")
    (images / "test.txt").write_text("cat/0.jpg\n")
    (problem,) = problems(sweep(images, tmp_path, data=small))
    assert problem.startswith("data.batch_size: resnet18 at 32 pixels a side has batch norm")
