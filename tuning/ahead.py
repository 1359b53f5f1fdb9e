"""What trials share, computed ahead of them with the whole machine, where a person can watch."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from trainables.recipe import Recipe
from tuning.space import TrialSpec


def recipes_ahead(trials: list[TrialSpec]) -> list[Recipe]:
    """Return one recipe for each set of kept features or offline copies that the trials will ask for."""
    recipes = [spec.recipe for spec in trials if spec.recipe.keeps_features or spec.recipe.offline_copies]
    # A frozen part that no weight file fills depends on how it is initialised; copies depend on the seed.
    return list(
        {(recipe.arch, recipe.freeze, recipe.init, recipe.seed): recipe for recipe in recipes}.values()
    )


def compute_ahead(recipe: Recipe, device: str, threads: int) -> Iterator[tuple[int, int]]:
    """Compute what a recipe's trials and retrain share and is not kept yet; yield (images done, of how many), at first (0, 0)."""
    yield 0, 0
    import torch  # in the worker alone: the driver does not compute

    from trainables.session import open_session

    torch.set_num_threads(threads)
    queue: SimpleQueue[tuple[int, int] | None] = SimpleQueue()

    def compute() -> None:
        session = open_session(recipe, torch.device(device), lambda done, total: queue.put((done, total)))
        if recipe.offline_copies:
            for split in (session.data.splits.train, session.data.splits.train_val):
                session.train_batches(split, lambda done, total: queue.put((done, total)))

    with ThreadPoolExecutor(1) as pool:
        computed = pool.submit(compute)
        computed.add_done_callback(lambda _: queue.put(None))
        while (item := queue.get()) is not None:
            yield item
        computed.result()
