"""Algorithm 1 of the paper in plain PyTorch: train an epoch, evaluate, and keep what is needed to go on."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from data_utils.batches import EvalBatches, TrainBatches
from data_utils.seeding import Stream, derive
from trainables.determinism import deterministic_algorithms
from trainables.precision import autocast_dtype, exact_fp32
from trainables.schedule import stepped_lr


@dataclass(frozen=True)
class Training:
    """How a training epoch went."""

    loss: float | None
    """Mean cross entropy an image, in nats; None when a batch's was not finite, which ended the epoch."""
    images: int
    """Images trained on."""


@dataclass(frozen=True)
class Evaluation:
    """How a network does on a split; means are over images, not batches."""

    loss: float | None
    """Mean cross entropy, in nats; None when not finite."""
    accuracy: float
    """Share of images classified correctly, 0 to 1; an image with a score that is not finite is not correct."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """The class probabilities of every image of a split, in the split's order."""

    labels: npt.NDArray[np.int64]
    """(images,)"""
    probabilities: npt.NDArray[np.float32]
    """(images, classes), each row summing to 1."""
    evaluation: Evaluation


class Learner:
    """A network in training: SGD with momentum and weight decay, the rate times `gamma` every `step_size` epochs.

    Nothing random is left over between epochs: dropout is seeded by (seed, epoch), as the batches are. An epoch is thus
    the same after `load_state_dict` as it would have been without a break.

    Args:
        model: trained in place; parameters without gradient are left alone and take no optimizer state.
        forward: the part of the model that the batches' inputs go into; the whole of it by default.
        still: modules that stay in evaluation mode while the others train.
        lr, step_size, gamma: of `trainables.schedule.stepped_lr`.
        seed: of dropout.
        precision: "fp32", "bf16" or "auto"; see `trainables.precision`.
        deterministic: whether a GPU computes by algorithms alone that give the same bits every time.

    Attributes:
        epoch: epochs done.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        forward: nn.Module | None = None,
        still: Sequence[nn.Module] = (),
        lr: float,
        step_size: int,
        momentum: float = 0.9,
        weight_decay: float = 5e-5,
        gamma: float = 0.1,
        seed: int = 0,
        device: torch.device | str = "cpu",
        precision: str = "fp32",
        deterministic: bool = False,
    ):
        self.device = torch.device(device)
        self.model = model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.epoch = 0
        self._forward = forward or self.model
        self._still = still
        self._lr, self._step_size, self._gamma, self._seed = lr, step_size, gamma, seed
        self._dtype = autocast_dtype(precision, self.device)
        self._deterministic = deterministic
        self._optimizer = torch.optim.SGD(
            [p for p in model.parameters() if p.requires_grad],
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            fused=True,
        )

    def lr_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        return stepped_lr(epoch, self._lr, self._step_size, self._gamma)

    def train_epoch(self, batches: TrainBatches) -> Training:
        """Train one epoch; it ends as soon as a batch's loss is not finite."""
        self.epoch += 1
        for group in self._optimizer.param_groups:
            group["lr"] = self.lr_at(self.epoch)
        torch.manual_seed(derive(self._seed, self.epoch, Stream.DROPOUT))
        self.model.train()
        for module in self._still:
            module.eval()
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        images = 0
        watch = _FiniteWatch(self.device)
        with deterministic_algorithms(self._deterministic):
            for inputs, labels in batches.epoch(self.epoch):
                loss = self.step(inputs, labels)
                total += loss * len(labels)
                images += len(labels)
                if watch.saw_non_finite(loss):
                    break
        return Training(_finite(float(total) / images), images)

    @exact_fp32()
    def step(self, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Take one step of SGD on a batch, and return its mean loss, on the device."""
        loss = F.cross_entropy(self._scores(inputs), labels)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._optimizer.step()
        return loss.detach()

    @exact_fp32()
    @torch.inference_mode()
    def evaluate(self, batches: EvalBatches) -> Evaluation:
        """Return loss and accuracy on a split, with dropout off."""
        self.model.eval()
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        with deterministic_algorithms(self._deterministic):
            for inputs, labels in batches:
                scores = self._scores(inputs)
                loss += F.cross_entropy(scores, labels, reduction="sum")
                correct += _correct(scores, labels).sum()
        return _evaluation(float(loss), int(correct), batches.images)

    @exact_fp32()
    @torch.inference_mode()
    def predict(self, batches: EvalBatches) -> Predictions:
        """Return the probabilities of every image of a split, with dropout off."""
        self.model.eval()
        scores, labels = [], []
        with deterministic_algorithms(self._deterministic):
            for inputs, targets in batches:
                scores.append(self._scores(inputs).cpu())
                labels.append(targets.cpu())
        all_scores, all_labels = torch.cat(scores), torch.cat(labels)
        evaluation = _evaluation(
            float(F.cross_entropy(all_scores.double(), all_labels, reduction="sum")),
            int(_correct(all_scores, all_labels).sum()),
            len(all_labels),
        )
        return Predictions(all_labels.numpy(), all_scores.softmax(dim=1).numpy(), evaluation)

    def state_dict(self) -> dict[str, Any]:
        """Return what is needed to go on: tensors and plain values only, so that it loads with `weights_only=True`."""
        return {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict` of a learner that was built alike."""
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _scores(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the (n, classes) scores in fp32, computed in the learner's precision."""
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not None):
            scores: torch.Tensor = self._forward(inputs)
        return scores.float()


class _FiniteWatch:
    """Notices a loss that is not finite without making the host wait for the device.

    On a CPU a look costs nothing. On a GPU each loss is copied to pinned memory in the stream's order, and looked at
    in a later step, once its copy has arrived by itself.
    """

    def __init__(self, device: torch.device):
        self._on_gpu = device.type == "cuda"
        self._under_way: deque[tuple[torch.cuda.Event, torch.Tensor]] = deque()

    def saw_non_finite(self, loss: torch.Tensor) -> bool:
        """Return whether this loss, or on a GPU one that has arrived since the last call, is NaN or infinite."""
        if not self._on_gpu:
            return not math.isfinite(loss.item())
        copy = torch.empty((), dtype=loss.dtype, pin_memory=True)
        copy.copy_(loss, non_blocking=True)
        event: torch.cuda.Event = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        event.record()
        self._under_way.append((event, copy))
        while self._under_way and self._under_way[0][0].query():  # type: ignore[no-untyped-call]  # as above
            if not math.isfinite(self._under_way.popleft()[1].item()):
                return True
        return False


def _correct(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return (scores.argmax(dim=1) == labels) & scores.isfinite().all(dim=1)


def _evaluation(loss_sum: float, correct: int, images: int) -> Evaluation:
    return Evaluation(_finite(loss_sum / images), correct / images)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
