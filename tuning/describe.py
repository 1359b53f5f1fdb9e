"""What a sweep or a study would do and need, for `upsweep validate`."""

from collections.abc import Sequence

from rich.console import Console

from data_utils.file_access import matching
from data_utils.folder import EXTENSIONS, by_extension
from data_utils.places import is_s3, shown
from tuning.disk import Disk, estimate
from tuning.plan import Plan, in_the_way
from tuning.study_file import Study
from tuning.wording import counted

_GB = 1e9

_FEW = 5
"""Classes that are named."""


def describe_study(study: Study, plans: Sequence[Plan], console: Console) -> None:
    """Print what a study would do, sweep by sweep, and what all of it would cost."""
    console.print(f"study {study.name}: {counted(len(plans), 'sweep')} in {study.folder}", soft_wrap=True)
    disks = [estimate(todo) for todo in plans]
    for todo, disk in zip(plans, disks, strict=True):
        console.print(f"\n{todo.sweep.name}", style="bold")
        _describe(todo, disk, console)
    trials, epochs = sum(len(todo.trials) for todo in plans), sum(todo.epochs for todo in plans)
    stores = {(todo.settings["data"]["root"], todo.sweep.data.resize): todo.store_bytes for todo in plans}
    whole = Disk(
        store=sum(stores.values()),
        ahead=sum(disk.ahead for disk in disks),
        model=sum(disk.model for disk in disks),
        running=max(disk.running for disk in disks),
    )
    console.print(
        f"\nin all: {counted(trials, 'trial')}, {epochs} epochs at most with the retrains, and on disk {_disk(whole)}",
        soft_wrap=True,
    )


def describe(todo: Plan, console: Console) -> None:
    """Print what a sweep would do."""
    _describe(todo, estimate(todo), console)
    if matching(todo.sweep.place, "*"):
        console.print(f"{'name':<10} {in_the_way(todo.sweep.place)}", soft_wrap=True, highlight=False)


def _describe(todo: Plan, disk: Disk, console: Console) -> None:
    sweep, recipe = todo.sweep, todo.trials[0].recipe
    images, classes = todo.images, todo.images.classes
    split = "its lists" if images.listed else f"stratified with seed {sweep.data.seed}"
    rows = {
        "trials": f"{len(todo.trials)} of at most {counted(sweep.train.max_epochs, 'epoch')}, {todo.at_once} at once",
        "epochs": f"{todo.epochs} at most, the retrain's among them; what trials share counts once",
        "classes": f"{len(classes)} ({', '.join(classes[:_FEW])}{', ...' * (len(classes) > _FEW)})",
        "images": f"{todo.train} train, {todo.val} validation, {todo.test} test ({split}, digest {todo.split_digest})",
        "network": f"{_all(todo, 'arch')}, weights {recipe.weights}, frozen {_all(todo, 'freeze')}, {recipe.transform} transform",
        "resources": f"{counted(todo.cpus, 'CPU')} and {todo.gpus:g} GPUs a trial",
        "hosts": f"room for {', '.join(f'{fits} on {host}' for host, fits in todo.room.items())}",
        "disk": f"{_disk(disk)}; free: {todo.cache_free / _GB:.0f} GB at the cache, {todo.storage_free / _GB:.0f} GB at "
        f"{sweep.folder}",
    }
    if images.passed_over:
        rows["unused"] = f"{by_extension(images.passed_over)}; images end in one of {', '.join(EXTENSIONS)}"
    if is_s3(sweep.storage):
        rows["storage"] = f"{shown(sweep.place)}, mirrored from {sweep.folder}"
    if todo.fresh:
        rows["fresh"] = (
            f"initialised, as the weight file does not hold them in this size: {', '.join(todo.fresh)}"
        )
    for key, text in rows.items():
        console.print(f"{key:<10} {text}", soft_wrap=True, highlight=False)


def _disk(disk: Disk) -> str:
    ahead = f", {disk.ahead / _GB:.2f} GB of what trials share" if disk.ahead else ""
    return (
        f"about {disk.store / _GB:.2f} GB of decoded images in the cache{ahead}, {disk.model / _GB:.2f} GB of models, "
        f"and while trials run up to {disk.running / _GB:.2f} GB of checkpoints"
    )


def _all(todo: Plan, name: str) -> str:
    """Return the values that a setting has over the trials."""
    return " and ".join(dict.fromkeys(str(spec.hyperparameters[name]) for spec in todo.trials))
