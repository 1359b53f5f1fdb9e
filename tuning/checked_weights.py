"""Weight files looked at once for each network, since PyTorch, which reads them, takes seconds to import."""

from trainables.architectures import IMAGENET
from tuning.marks import mark, marked, state_of


def fresh_layers(arch: str, classes: int, weights: str, hidden: int, image_size: int) -> list[str]:
    """Return the names of the parameters that `weights` lacks; see `trainables.models.check_weights`.

    "imagenet" is looked at each time, so that the driver has fetched it before a trial wants it.

    Raises:
        InputError: as there, each time: what is refused is not marked.
    """
    network = [arch, classes, hidden, image_size]
    try:
        hangs_on = None if weights == IMAGENET else {"weights": [weights, *state_of(weights)], "for": network}
    except OSError:
        hangs_on = None  # it is not there, and the check says so
    if hangs_on and "fresh" in (found := marked(hangs_on)):
        return list(found["fresh"])
    from trainables.models import check_weights

    fresh = check_weights(arch, classes, weights, hidden, image_size)
    if hangs_on:
        mark(hangs_on, {"fresh": fresh})
    return fresh
