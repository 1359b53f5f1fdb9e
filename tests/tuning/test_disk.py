"""What a sweep takes on disk."""

from tuning.config import Sweep
from tuning.disk import Disk, estimate
from tuning.plan import plan

# AlexNet at 64 pixels, 10 classes, hidden 16. Convolutions: 23,296 + 307,392 + 663,936 + 884,992 + 590,080 parameters;
# classifier: 9,216 x 16 + 16, 16 x 16 + 16, 16 x 10 + 10.
MODEL = 4 * (2_469_696 + 147_472 + 272 + 170)
IMAGES = 1797
FROZEN = {"arch": "alexnet", "hidden": 16, "freeze": "features"}
STORE = int(IMAGES * 64 * 64 * 4 / 3 * 3)


def sweep(**changes: object) -> Sweep:
    """Return two trials that share ten of twenty epochs, one at once."""
    values: dict[str, object] = {
        "name": "disk",
        "data": {"root": "sample", "resize": 64, "image_size": 64, "batch_size": 100},
        "model": {"arch": "alexnet", "hidden": 16},
        "train": {"max_epochs": 20},
        "search": {"points": [{"lr": 0.01, "step_size": 10}, {"lr": 0.01, "step_size": 15}]},
        "resources": {"cpus": 1, "max_concurrent": 1},
    }
    return Sweep.model_validate(values | changes)


def test_a_checkpoint_and_a_state_that_is_left_hold_parameters_and_momenta() -> None:
    """Two checkpoints of the one trial that runs, and the state that the first leaves to the second."""
    assert estimate(plan(sweep())) == Disk(store=STORE, ahead=0, model=MODEL, running=3 * 2 * MODEL)


def test_what_is_not_kept_takes_nothing() -> None:
    """Neither a model without a retrain, nor checkpoints where none are taken."""
    todo = plan(sweep(retrain=None, faults={"checkpoint_seconds": None}))
    assert estimate(todo) == Disk(store=STORE, ahead=0, model=0, running=2 * MODEL)


def test_features_and_copies_are_counted_once_for_all_trials() -> None:
    """9,216 numbers an image of which four bytes each are kept; two copies of each image that trials or the retrain train on."""
    frozen = plan(sweep(model=FROZEN))
    assert estimate(frozen).ahead == IMAGES * 9216 * 4
    widths = {"grid": {"hidden": [16, 8]}}
    assert estimate(plan(sweep(model=FROZEN, search=widths, retrain=None))).ahead == IMAGES * 9216 * 4
    drawn_after = plan(sweep(model=FROZEN | {"init": "kaiming"}, search=widths, retrain=None))
    assert estimate(drawn_after).ahead == 2 * IMAGES * 9216 * 4
    copies = {"max_epochs": 20, "augment": "augment-1", "augment_offline": {"copies": 2}}
    todo = plan(sweep(train=copies))
    assert estimate(todo).ahead == 2 * (todo.train + todo.train + todo.val) * 64 * 64 * 3
    assert estimate(plan(sweep(train=copies, retrain=None))).ahead == 2 * todo.train * 64 * 64 * 3
    both = plan(sweep(train=copies, model=FROZEN))
    enlarged = 2 * (todo.train + todo.train + todo.val)
    assert estimate(both).ahead == enlarged * 64 * 64 * 3 + (enlarged + IMAGES) * 9216 * 4
