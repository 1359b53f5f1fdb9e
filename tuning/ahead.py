"""What trials share, computed ahead of them with the whole machine, where a person can watch."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from typing import NamedTuple

from data_utils.caches import noted
from trainables.recipe import Recipe
from tuning.kept_ahead import mark_kept
from tuning.space import TrialSpec


class Ahead(NamedTuple):
    """What some trials, or retrains, share."""

    recipe: Recipe
    """Of one of them."""
    split: str
    """The field of `Splits` that they train on."""


def shared_ahead(trials: Sequence[TrialSpec], retrain_seeds: Sequence[int]) -> list[Ahead]:
    """Return each set of kept features or offline copies that trials, and retrains of whichever wins, ask for, once.

    A frozen part that no weight file fills depends on how it is initialised; where `init` draws all layers again, the classifier
    is drawn before them, so that its width counts too. Copies depend on the seed and on the split.
    """
    recipes = [spec.recipe for spec in trials if spec.recipe.keeps_features or spec.recipe.offline_copies]
    wanted = [Ahead(recipe, "train") for recipe in recipes]
    seeds = {recipe.seed for recipe in recipes}
    for seed in retrain_seeds:
        further = [r for r in recipes if r.offline_copies or not (r.weights or seed in seeds)]
        wanted += [Ahead(replace(recipe, seed=seed), "train_val") for recipe in further]
    return list(
        {
            (r.arch, r.freeze, r.init, r.seed, hidden_drawn_before(r), split): Ahead(r, split)
            for r, split in wanted
        }.values()
    )


def hidden_drawn_before(recipe: Recipe) -> int | None:
    """Return the width of the classifier if the initial values of a frozen part without weights depend on it, else None."""
    return recipe.hidden if recipe.init != "torchvision" and not recipe.weights else None


def compute_ahead(todo: Ahead, device: str, threads: int, gpus: float) -> Iterator[tuple[int, int]]:
    """Compute what is shared and is not kept yet; yield (images done, of how many), at first (0, 0)."""
    yield 0, 0
    import torch  # in the worker alone: the driver does not compute

    from trainables.session import open_session

    torch.set_num_threads(threads)
    queue: SimpleQueue[tuple[int, int] | None] = SimpleQueue()

    def progress(done: int, total: int) -> None:
        queue.put((done, total))

    def compute() -> None:
        with noted() as files:
            session = open_session(todo.recipe, torch.device(device), progress, gpu_share=gpus)
            session.train_batches(getattr(session.data.splits, todo.split), progress)
        mark_kept(todo.recipe, todo.split, session.data, device, files)

    with ThreadPoolExecutor(1) as pool:
        computed = pool.submit(compute)
        computed.add_done_callback(lambda _: queue.put(None))
        while (item := queue.get()) is not None:
            yield item
        computed.result()
