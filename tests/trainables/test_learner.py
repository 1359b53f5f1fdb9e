"""Algorithm 1: the arithmetic by hand, randomness from (seed, epoch), nothing left over between epochs."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from data_utils.batches import Batch, EvalBatches, TrainBatches
from data_utils.splits import Indices
from trainables.learner import Learner
from trainables.models import build


class Points:
    """A source of fixed inputs and labels."""

    device = torch.device("cpu")

    def __init__(self, inputs: torch.Tensor, labels: list[int]):
        self.inputs, self.labels = inputs, torch.tensor(labels)

    def gather(self, indices: Indices, rng: np.random.Generator | None = None) -> Batch:
        """Return these rows."""
        return Batch(self.inputs[indices], self.labels[indices])


def images(count: int, seed: int = 0) -> Points:
    """Return small random images of three classes."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 3, 63, 63, generator=generator)
    return Points(inputs.to(memory_format=torch.channels_last), [i % 3 for i in range(count)])


def learner(seed: int = 0, **settings: float) -> Learner:
    """Return a small AlexNet in training."""
    model = build("alexnet", 3, hidden=16, init="kaiming")
    return Learner(model, lr=0.01, step_size=2, seed=seed, **settings)  # type: ignore[arg-type]


def test_one_step_is_sgd_with_momentum_and_weight_decay() -> None:
    """Worked by hand: one weight, one sample of class 0 with scores (w, 0) at w = 0.

    The gradient is softmax - 1 = -0.5; step 1 at lr 0.1: w = 0.05. Step 2 (lr 0.05): the gradient is
    softmax(0.05) - 1 + 0.1 * 0.05, the velocity 0.9 * -0.5 + that.
    """
    model = nn.Linear(1, 2, bias=False)
    nn.init.zeros_(model.weight)
    fixed = Learner(model, lr=0.1, step_size=1, momentum=0.9, weight_decay=0.1, gamma=0.5)
    batches = TrainBatches(Points(torch.ones(1, 1), [0]), np.array([0]), 1, seed=0)
    assert fixed.train_epoch(batches).loss == pytest.approx(math.log(2))
    assert model.weight[0].item() == pytest.approx(0.05)
    assert model.weight[1].item() == pytest.approx(-0.05)
    fixed.train_epoch(batches)
    gradient = 1 / (1 + math.exp(-0.1)) - 1 + 0.1 * 0.05
    assert model.weight[0].item() == pytest.approx(0.05 - 0.05 * (0.9 * -0.5 + gradient), rel=1e-5)


def test_the_rate_falls_every_step_size_epochs() -> None:
    """Epochs 1 and 2 at lr, 3 and 4 at a tenth, 5 at a hundredth."""
    assert [learner().lr_at(e) for e in (1, 2, 3, 4, 5)] == pytest.approx([0.01, 0.01, 0.001, 0.001, 0.0001])


def test_means_are_over_images_not_batches() -> None:
    """Three images in batches of two: loss and accuracy weigh each image alike."""
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0], [0.0]]))
    source = Points(torch.tensor([[1.0], [1.0], [-1.0]]), [0, 1, 0])
    evaluation = Learner(model, lr=0.1, step_size=1).evaluate(EvalBatches(source, np.arange(3), 2))
    right, wrong = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    assert evaluation.loss == pytest.approx((right + wrong + wrong) / 3)
    assert evaluation.accuracy == pytest.approx(1 / 3)


def test_two_trainings_alike_are_equal_to_the_bit() -> None:
    """Whatever the global generator held before."""
    batches = TrainBatches(images(12), np.arange(12), 4, seed=0)
    losses = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        one = learner()
        losses.append([one.train_epoch(batches).loss for _ in range(3)])
    assert losses[0] == losses[1]


def test_going_on_from_a_state_equals_never_having_stopped() -> None:
    """Dropout, momentum and the rate's steps go on where they were."""
    batches = TrainBatches(images(12), np.arange(12), 4, seed=0)
    through = learner()
    losses = [through.train_epoch(batches).loss for _ in range(4)]
    first = learner()
    for _ in range(2):
        first.train_epoch(batches)
    state = first.state_dict()
    second = learner()
    second.train_epoch(batches)  # something that must not be left over
    second.load_state_dict(state)
    assert [second.train_epoch(batches).loss for _ in range(2)] == losses[2:]


def test_a_loss_that_is_not_finite_ends_the_epoch_at_once() -> None:
    """The rest of the epoch's batches are not trained on."""
    source = images(40)
    source.inputs[:] = float("nan")
    training = learner().train_epoch(TrainBatches(source, np.arange(40), 4, seed=0))
    assert training.loss is None
    assert training.images == 4


def test_scores_that_are_not_finite_are_not_correct() -> None:
    """NaN is the largest to argmax, and class 0 would be 'right'."""
    source = Points(torch.tensor([[float("nan")], [1.0]]), [0, 0])
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0], [0.0]]))
    evaluation = Learner(model, lr=0.1, step_size=1).evaluate(EvalBatches(source, np.arange(2), 2))
    assert evaluation.loss is None
    assert evaluation.accuracy == 0.5


def test_a_frozen_part_is_left_alone_and_has_no_optimizer_state() -> None:
    """Its weights do not move, weight decay or not, and only the rest has momentum."""
    model = build("alexnet", 3, freeze="features", hidden=16)
    before = model.features[0].weight.clone()
    frozen = Learner(model, lr=0.1, step_size=1, weight_decay=0.5)
    frozen.train_epoch(TrainBatches(images(8), np.arange(8), 4, seed=0))
    assert torch.equal(model.features[0].weight, before)
    assert len(frozen.state_dict()["optimizer"]["state"]) == 6
    assert model.features[0].weight.grad is None


def test_predictions_agree_with_the_evaluation() -> None:
    """Probabilities sum to one, and give the same accuracy and loss as `evaluate`."""
    one = learner()
    batches = EvalBatches(images(10), np.arange(10), 4)
    predictions, evaluation = one.predict(batches), one.evaluate(batches)
    assert predictions.probabilities.sum(axis=1) == pytest.approx(np.ones(10))
    assert predictions.evaluation.accuracy == evaluation.accuracy
    assert predictions.evaluation.loss == pytest.approx(evaluation.loss)
    assert (
        float((predictions.probabilities.argmax(axis=1) == predictions.labels).mean()) == evaluation.accuracy
    )


def test_modules_that_are_to_stand_still_stay_in_evaluation_mode() -> None:
    """Their running statistics do not move; others' do."""
    frozen, free = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    model = nn.Sequential(frozen, free, nn.Flatten(), nn.Linear(3 * 63 * 63, 3))
    Learner(model, still=[frozen], lr=0.1, step_size=1).train_epoch(
        TrainBatches(images(8), np.arange(8), 4, seed=0)
    )
    assert not frozen.running_mean.any()  # type: ignore[union-attr]
    assert free.running_mean.any()  # type: ignore[union-attr]
