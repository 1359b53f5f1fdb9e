"""The commands that use a trained model: `upsweep features`, `predict`, `evaluate`. None needs Ray."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from data_utils.errors import InputError
from tuning.terminal import fail, input_errors, output
from tuning.wording import percent

# PyTorch takes seconds to import, and `upsweep --help` shall not wait for it.
if TYPE_CHECKING:
    import torch

    from trainables.trained import Trained

models_app = typer.Typer()

RUN = Annotated[str, typer.Argument(help="A sweep's folder or s3 address.", show_default=False)]


@models_app.command()
def features(
    model: Annotated[
        str,
        typer.Argument(
            metavar="RUN|WEIGHTS", help="A sweep's folder or s3 address, a weight file, or `imagenet`."
        ),
    ],
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="Folder of one folder of images a class, or `sample`.")
    ],
    layer: Annotated[
        str, typer.Option(help="fc6 or fc7 of AlexNet and VGGs, or any module of the network by its name.")
    ],
    arch: Annotated[str | None, typer.Option(help="The network that WEIGHTS are of.")] = None,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")] = Path("features.parquet"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file if it is there.")] = False,
) -> None:
    """Write what a layer gives for each image: path, label and the numbers, flattened, as Parquet."""
    with input_errors(), _counting() as progress:
        _check_place(out, overwrite)
        trained = _open(model, arch)
        from data_utils.pixel_store import PixelStore
        from data_utils.prepared import open_folder, refuse_bad
        from trainables.layers import features as features_of
        from tuning.feature_file import write_features

        images = open_folder(folder)
        store = PixelStore.of(images, trained.card.resize, progress("decoding"))
        refuse_bad(store, images, "mend or remove them")
        count = progress("computing")

        def counted_batches() -> Iterator[Any]:
            done = 0
            for batch in features_of(trained, store, layer):
                yield batch
                done += len(batch)
                count(done, len(store))

        labels = [images.classes[label] for label in images.targets]
        about = {"model": model, "arch": trained.card.arch, "layer": layer}
        with _writing(out):
            write_features(out, images.names, labels, counted_batches(), about)
    output().print(f"{len(images)} images: {out}", soft_wrap=True, highlight=False)


@models_app.command()
def predict(
    run: RUN,
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Image files.")],
    form: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="How to print.")
    ] = "table",
) -> None:
    """Say what is on images: the five likeliest classes of each and their probabilities.

    Images that cannot be read are named, the others predicted all the same; the exit code is then 2.
    """
    with input_errors():
        trained = _open_run(run)
        from trainables.trained import predict_files
        from tuning.answers import as_csv, as_json, as_table
        from tuning.results import likeliest

        names, probabilities, bad = predict_files(trained, [str(image) for image in images])
        top = likeliest(probabilities)
        found = [
            (name, [(trained.card.classes[c], float(row[c])) for c in places])
            for name, places, row in zip(names, top, probabilities, strict=True)
        ]
    if form == "table":
        if found:
            output().print(as_table(found))
    else:
        typer.echo(as_csv(found) if form == "csv" else as_json(found), nl=False)
    if bad:
        fail(
            str(InputError("images that cannot be read", [f"{name}: {why}" for name, why in bad.items()])), 2
        )


@models_app.command()
def evaluate(
    run: RUN,
    data: Annotated[str, typer.Option(help="Folder of one folder of images a class, or `sample`.")],
    out: Annotated[Path | None, typer.Option(help="Parquet file for the prediction of each image.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file if it is there.")] = False,
) -> None:
    """Test a model on other images of its classes; classes without images are left out."""
    with input_errors(), _counting() as progress:
        if out is not None:
            _check_place(out, overwrite)
        trained = _open_run(run)
        from trainables.trained import evaluate as evaluate_on
        from tuning.local_copy import name_of
        from tuning.results import prediction_rows, write_prediction_rows
        from tuning.retrain import mean_class_accuracy

        names, found = evaluate_on(trained, data, progress("decoding"))
        if out is not None:
            rows = prediction_rows(
                name_of(run),
                trained.card.seed,
                trained.card.classes,
                names,
                found.labels,
                found.probabilities,
            )
            with _writing(out):
                write_prediction_rows(out, rows)
    per_class = mean_class_accuracy(found.labels, found.probabilities.argmax(axis=1))
    loss = found.evaluation.loss
    lines = {
        "images": str(len(names)),
        "classes": f"{len(set(found.labels.tolist()))} of the model's {len(trained.card.classes)}",
        "accuracy": percent(found.evaluation.accuracy),
        "mean per class": percent(per_class),
        "loss": "not finite" if loss is None else f"{loss:.4f}",
    }
    for key, text in lines.items():
        output().print(f"{key:<15} {text}", soft_wrap=True, highlight=False)


def _open(model: str, arch: str | None) -> "Trained":
    from data_utils.places import is_s3
    from trainables.architectures import ARCHITECTURES, IMAGENET

    path = Path(model).expanduser()
    is_run = model != IMAGENET and (is_s3(model) or path.is_dir() or (arch is None and not path.is_file()))
    if is_run and arch is not None:
        raise InputError(
            "--arch", [f"is for a weight file; {model} is a sweep's folder, which knows its own"]
        )
    if not is_run and arch not in ARCHITECTURES:
        from data_utils.errors import near

        hint = f"got {arch!r}; {near(arch, ARCHITECTURES)}" if arch else "give --arch alexnet"
        raise InputError("--arch", [f"names the network that {model} is of; {hint}"])
    if not arch:
        return _open_run(model)
    from trainables.trained import open_weights

    return open_weights(model, arch, _device())


def _open_run(run: str) -> "Trained":
    from data_utils.places import is_s3

    if not is_s3(run) and Path(run).expanduser().is_file():
        raise InputError(run, ["is a file; give the sweep's folder, which says what network its model is"])
    from trainables.model_card import CARD, MODEL
    from trainables.trained import open_run
    from tuning.local_copy import local_copy

    with local_copy(run, names=(MODEL, CARD)) as folder:
        return open_run(folder, _device())


def _device() -> "torch.device":
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def _counting() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Give a maker of progress bars, on stderr so that what is printed stays clean."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def bar(what: str) -> Callable[[int, int], None]:
            task = bars.add_task(what, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield bar


def _check_place(out: Path, overwrite: bool) -> None:
    """Raise InputError, before anything is computed, for a file that could not be written, or is there and stays."""
    import os

    if out.is_dir() or not os.access(out.absolute().parent, os.W_OK | os.X_OK):
        raise InputError(str(out), ["cannot be written; name another file with --out"])
    if out.exists() and not overwrite:
        raise InputError(str(out), ["is there already; name another with --out, or give --overwrite"])


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(str(out), [f"cannot be written ({error}); name another file with --out"]) from error
