"""A model in use: its numbers are those of the long way, and what cannot be used is named."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from data_utils.errors import InputError
from data_utils.normalization import NORMALIZATIONS
from data_utils.transforms import plain
from tests.conftest import save_image
from trainables.model_card import ModelCard, digest
from trainables.models import build
from trainables.trained import Trained, evaluate, open_run, open_weights, predict_files

CPU = torch.device("cpu")


def small(arch: str = "squeezenet1_1", classes: tuple[str, ...] = ("ant", "bee", "cat")) -> Trained:
    """Return a network that has learnt nothing."""
    hidden = 8 if arch == "alexnet" else 4096
    card = ModelCard(arch, hidden, list(classes), 70, 64, NORMALIZATIONS["transfer"], "fp32", 0)
    model = build(arch, len(classes), hidden=hidden, init="kaiming").eval()
    return Trained(card, model, CPU, frozenset())


def test_predictions_of_files_are_the_plain_ways(images: Path) -> None:
    """Resize, centre crop, normalise by torchvision, one image at a time."""
    trained, paths = small(), [str(images / "cat" / "0.jpg"), str(images / "ant" / "5.jpg")]
    names, probabilities, bad = predict_files(trained, paths)
    assert (names, bad) == (paths, {})
    transform = plain(NORMALIZATIONS["transfer"], 70, 64)
    for path, row in zip(paths, probabilities, strict=True):
        with Image.open(path) as image, torch.inference_mode():
            expected = trained.model(transform(image.convert("RGB"))[None]).softmax(1)[0]
        torch.testing.assert_close(torch.from_numpy(row), expected)


def test_files_that_cannot_be_read_are_named_and_the_others_predicted(images: Path, tmp_path: Path) -> None:
    """Missing, no image, a folder."""
    (tmp_path / "text.jpg").write_text("no image")
    good, text, none = str(images / "ant" / "1.jpg"), str(tmp_path / "text.jpg"), str(tmp_path / "none.jpg")
    names, probabilities, bad = predict_files(small(), [none, good, text, str(tmp_path)])
    assert names == [good]
    assert probabilities.shape == (1, 3)
    assert list(bad) == [none, str(tmp_path), text]
    assert bad[text] == "cannot identify image file"
    names, probabilities, bad = predict_files(small(), [none])
    assert (names, probabilities.shape) == ([], (0, 3))


def test_labels_are_the_models_whatever_classes_a_folder_lacks(images: Path) -> None:
    """`cat` is the model's class 3, though the folder's second."""
    trained = small(classes=("ant", "bat", "bee", "cat"))
    for path in (images / "bee").iterdir():
        path.unlink()
    names, predictions = evaluate(trained, str(images))
    assert names[5:7] == ["ant/5.jpg", "cat/0.jpg"]
    assert predictions.labels.tolist() == [0] * 6 + [3] * 6
    right = predictions.probabilities.argmax(axis=1) == predictions.labels
    assert predictions.evaluation.accuracy == right.mean()


def test_classes_the_model_does_not_know_are_all_named(images: Path) -> None:
    """With those it knows."""
    with pytest.raises(InputError, match="the model does not know bee, cat; its classes are ant, dog"):
        evaluate(small(classes=("ant", "dog")), str(images))


def test_images_that_cannot_be_decoded_are_all_named_before_anything_is_computed(images: Path) -> None:
    """An accuracy over the rest would be another one's."""
    (images / "ant" / "1.jpg").write_text("no image")
    (images / "bee" / "0.jpg").write_text("no image")
    with pytest.raises(InputError, match="2 of 18 images in"):
        evaluate(small(), str(images))


def test_a_weight_file_is_opened_as_torchvisions_would_be(tmp_path: Path) -> None:
    """Classes and hidden width are the file's own; sizes and normalisation ImageNet's."""
    path = tmp_path / "narrow.safetensors"
    state = build("alexnet", 5, hidden=12).state_dict()
    save_file(state, path)
    trained = open_weights(str(path), "alexnet", CPU)
    card = trained.card
    assert (card.hidden, card.classes, card.resize, card.image_size) == (12, list("01234"), 256, 224)
    assert card.normalization == NORMALIZATIONS["transfer"]
    assert torch.equal(trained.model.classifier[4].weight, state["classifier.4.weight"])
    assert not trained.fresh
    save_file({name: tensor for name, tensor in state.items() if name.startswith("features.")}, path)
    lacking = open_weights(str(path), "alexnet", CPU)
    assert len(lacking.card.classes) == 1000
    assert lacking.fresh == {f"classifier.{i}.{p}" for i in (1, 4, 6) for p in ("weight", "bias")}


def test_a_gray_image_is_predicted_as_training_sees_it(tmp_path: Path) -> None:
    """In three equal channels."""
    save_image(tmp_path / "gray.png", np.arange(6400, dtype=np.uint8).reshape(80, 80))
    _, probabilities, bad = predict_files(small(), [str(tmp_path / "gray.png")])
    assert not bad
    assert probabilities.sum() == pytest.approx(1)


def test_a_model_that_lacks_layers_of_its_card_is_refused(tmp_path: Path) -> None:
    """A last layer for other classes would be made up without a word."""
    save_file(build("squeezenet1_1", 2).state_dict(), tmp_path / "model.safetensors")
    card = {
        "arch": "squeezenet1_1", "hidden": 4096, "classes": ["ant", "bee", "cat"], "precision": "fp32", "seed": 0,
        "transform": {"resize": 64, "image_size": 64, "mean": [0.5] * 3, "std": [0.5] * 3},
        "digest": digest(tmp_path / "model.safetensors"),
    }  # fmt: skip
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"lacks classifier\.1\.weight, classifier\.1\.bias of the network"):
        open_run(tmp_path, CPU)
    card["transform"] |= {"image_size": 3}  # type: ignore[operator]
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="squeezenet1_1 cannot take 3 pixels a side"):
        open_run(tmp_path, CPU)


def test_weights_for_no_classes_are_refused(tmp_path: Path) -> None:
    """Nothing is built by them."""
    torch.save({"classifier.6.weight": torch.zeros(0, 8)}, tmp_path / "none.pth")
    with pytest.raises(InputError, match="its last layer is 0 x 8, which is for no classes"):
        open_weights(str(tmp_path / "none.pth"), "alexnet", CPU)


def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """Like a file that cannot be read."""
    path = tmp_path / "\udcff.jpg"
    path.write_bytes(b"x")
    assert predict_files(small(), [str(path)])[2] == {str(path): "its name is not UTF-8; rename it"}
