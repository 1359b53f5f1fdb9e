"""A model and its card: what is read, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from data_utils.errors import InputError
from data_utils.normalization import Normalization
from trainables.model_card import ModelCard, digest, read_card

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of the bytes `abc`, from FIPS 180."""


@pytest.fixture
def card(tmp_path: Path) -> dict[str, Any]:
    """Write a model of three bytes with its card; return the card."""
    values: dict[str, Any] = {
        "arch": "alexnet",
        "hidden": 8,
        "classes": ["ant", "bee"],
        "transform": {"resize": 70, "image_size": 64, "mean": [0.5, 0.5, 0.5], "std": [0.1, 0.2, 0.3]},
        "precision": "fp32",
        "digest": ABC,
        "seed": 3,
    }
    (tmp_path / "model.safetensors").write_bytes(b"abc")
    (tmp_path / "model.json").write_text(json.dumps(values))
    return values


def test_a_card_is_read(card: dict[str, Any], tmp_path: Path) -> None:
    """Every part of it."""
    assert digest(tmp_path / "model.safetensors") == ABC
    assert read_card(tmp_path) == ModelCard(
        "alexnet", 8, ["ant", "bee"], 70, 64, Normalization((0.5, 0.5, 0.5), (0.1, 0.2, 0.3)), "fp32", 3
    )


def test_another_model_is_refused_with_both_digests(card: dict[str, Any], tmp_path: Path) -> None:
    """One bit of half a gigabyte would show."""
    (tmp_path / "model.safetensors").write_bytes(b"abd")
    with pytest.raises(InputError) as raised:
        read_card(tmp_path)
    assert raised.value.subject == str(tmp_path / "model.safetensors")
    assert f"but model.json is of a model of {ABC}" in raised.value.problems[0]
    assert digest(tmp_path / "model.safetensors") in raised.value.problems[0]


def test_a_card_that_lacks_something_is_named(card: dict[str, Any], tmp_path: Path) -> None:
    """With what it lacks."""
    del card["digest"]
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"model\.json: has no 'digest'"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"transform": 3, "digest": "", "arch": "alexnet", "hidden": 8, "classes": []}']
)
def test_a_card_that_is_none_is_named(card: dict[str, Any], tmp_path: Path, text: str) -> None:
    """Whatever it is instead."""
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(InputError, match=r"model\.json: cannot be read as a model's card"):
        read_card(tmp_path)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    """With how a model comes to be there."""
    with pytest.raises(InputError, match=r"holds no model\.safetensors and no model\.json; a sweep leaves"):
        read_card(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_card(tmp_path / "none")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("hidden", 0, "0 must be a whole number from 1 to"),
        ("hidden", "8", "'8' must be a whole number"),
        ("classes", [], "classes must be at least one"),
        ("classes", ["ant", "ant"], "no two the same"),
        ("classes", [1], "1 must be text"),
        ("image_size", 71, "image_size, 71, must be at most resize, 70"),
        ("std", [0.1, 0, 0.1], "std must be more than 0"),
        ("mean", [0.5, 0.5], "not enough values"),
        ("mean", [0.5, 0.5, float("nan")], "must be finite"),
        ("precision", "fp8", "precision must be one of auto, fp32, bf16"),
        ("arch", "resnet18", "hidden must be 4096 for resnet18"),
    ],
)
def test_a_card_of_impossible_values_is_named(
    card: dict[str, Any], tmp_path: Path, key: str, value: Any, said: str
) -> None:
    """Before any network is built by it."""
    (card["transform"] if key in card["transform"] else card)[key] = value
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=said):
        read_card(tmp_path)
