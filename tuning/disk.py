"""What a sweep takes on disk, estimated from its plan."""

from dataclasses import dataclass

from trainables.recipe import Recipe
from tuning.ahead import hidden_drawn_before, shared_ahead
from tuning.plan import Plan
from tuning.sharing import forks

_CHANNELS = 3
_STATE_OVER_MODEL = 2
"""A checkpoint holds the parameters and as many momenta."""
_BYTES_A_FEATURE = 4


@dataclass(frozen=True)
class Disk:
    """Bytes, about."""

    store: int
    """Decoded images in the cache; sweeps of the same images share them."""
    ahead: int
    """Kept features and augmented copies in the cache, which later sweeps may share."""
    model: int
    """The retrained model in the sweep's folder."""
    running: int
    """Checkpoints, and the states that trials leave to each other, at most, while they run."""


def estimate(todo: Plan) -> Disk:
    """Return what a sweep would take; PyTorch is asked for the sizes of its networks."""
    from trainables.models import state_bytes  # takes seconds to import

    recipes = [spec.recipe for spec in todo.trials]
    model = max(
        state_bytes(r.arch, len(todo.images.classes), r.hidden, r.image_size)
        for r in {(r.arch, r.hidden): r for r in recipes}.values()
    )
    most = todo.sweep.train.max_epochs
    left = {
        (fork.parent, fork.epochs) for fork in forks(todo.trials, most).values() if fork.epochs < most
    }  # a state each
    checkpointing = todo.sweep.faults.checkpoint_seconds is not None
    states = len(left) + (2 * todo.at_once if checkpointing else 0)  # Ray drops one when the next is whole
    return Disk(
        store=todo.store_bytes,
        ahead=_ahead(todo),
        model=model if todo.sweep.retrain else 0,
        running=_STATE_OVER_MODEL * model * states,
    )


def _ahead(todo: Plan) -> int:
    shared = shared_ahead(todo.trials, todo.sweep.retrain_seeds)
    images = {
        "all": todo.train + todo.val + todo.test,
        "train": todo.train,
        "train_val": todo.train + todo.val,
    }
    featured = [(r, s) for r, s in shared if r.keeps_features]
    backbones = {
        (r.arch, r.init, None if r.weights else r.seed, hidden_drawn_before(r)): r for r, _ in featured
    }
    pictures = {(r.seed, split): r for r, split in shared}
    return (
        sum(images["all"] * _feature_bytes(r) for r in backbones.values())
        + sum(images[split] * r.offline_copies * _feature_bytes(r) for r, split in featured)
        + sum(images[s] * r.offline_copies * r.image_size**2 * _CHANNELS for (_, s), r in pictures.items())
    )


def _feature_bytes(recipe: Recipe) -> int:
    """Return the bytes that are kept of an image."""
    from trainables.models import features_of_an_image

    return features_of_an_image(recipe.arch, recipe.image_size) * _BYTES_A_FEATURE
