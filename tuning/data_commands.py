"""The commands of `upsweep data`."""

from pathlib import Path
from typing import Annotated

import typer

from tuning.terminal import input_errors, output

data_app = typer.Typer(help="Images: the embedded sample, Caltech-101.", no_args_is_help=True)


@data_app.command()
def info() -> None:
    """Show what the cache holds: decoded images, kept features, the sample."""
    from data_utils.caches import cache_dir, cached
    from tuning.summary import cache_table

    console = output()
    console.print(f"cache: {cache_dir()}", soft_wrap=True, highlight=False)
    console.print(cache_table(cached()))


@data_app.command()
def clear() -> None:
    """Drop all that the cache holds; what is needed again is made again."""
    from data_utils.caches import clear_cache

    with input_errors():
        freed = clear_cache()
    output().print(f"freed {freed / 1e9:.2f} GB")


@data_app.command()
def sample(folder: Annotated[Path, typer.Argument(help="New folder to write to.")]) -> None:
    """Write the embedded sample: 1,797 real handwritten digits as JPEGs in Caltech-101's layout."""
    from data_utils.sample import write_sample

    with input_errors():
        write_sample(folder)
    output().print(f"wrote {folder}", soft_wrap=True)


@data_app.command()
def fetch(
    dataset: Annotated[str, typer.Argument(help="Which data set: caltech101.")],
    folder: Annotated[Path, typer.Argument(help="Folder to put it in.")],
) -> None:
    """Fetch a public data set by torchvision's own downloader."""
    with input_errors():
        from data_utils.fetch import fetch_dataset

        root = fetch_dataset(dataset, folder)
    output().print(f"data.root: {root}", soft_wrap=True)
