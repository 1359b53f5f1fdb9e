"""Computing kept features ahead of the trials, with the whole machine and where a person can watch."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from trainables.recipe import Recipe
from tuning.space import TrialSpec


def recipes_with_features(trials: list[TrialSpec]) -> list[Recipe]:
    """Return one recipe for each set of features that the trials will ask for."""
    by_network = {spec.recipe.arch: spec.recipe for spec in trials if spec.recipe.keeps_features}
    return list(by_network.values())


def keep_features(recipe: Recipe, device: str, threads: int) -> Iterator[tuple[int, int]]:
    """Compute a recipe's features unless they are kept already; yield (images done, of how many) meanwhile."""
    import torch  # in the worker alone: the driver does not compute

    from trainables.session import open_session

    torch.set_num_threads(threads)
    queue: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(
            open_session, recipe, torch.device(device), lambda done, total: queue.put((done, total))
        )
        opened.add_done_callback(lambda _: queue.put(None))
        while (item := queue.get()) is not None:
            yield item
        opened.result()
