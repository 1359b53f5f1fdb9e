"""The command `upsweep`."""

import atexit
import gc
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from data_utils.errors import InputError
from data_utils.places import is_s3
from tuning.data_commands import data_app
from tuning.model_commands import models_app
from tuning.result_commands import results_app
from tuning.service_commands import resume_run, service_app, service_of
from tuning.terminal import INTERRUPTED, heed_signals
from tuning.terminal import input_errors as _input_errors
from tuning.terminal import output as _console

# PyTorch and Ray take seconds to import: only the commands that need them do.
if TYPE_CHECKING:
    from tuning.config import Sweep
    from tuning.driver import SweepResult

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data_app, name="data")
app.add_typer(results_app)
app.add_typer(models_app)
app.add_typer(service_app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"upsweep {version('upsweep')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Tunes image classifiers on Ray Tune and PyTorch."""


FILE = Annotated[Path, typer.Argument(help="Sweep file (YAML).", show_default=False)]
SET = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, as a.b=c.")
]
STORAGE = Annotated[
    str | None, typer.Option(help="Folder, or s3://bucket/prefix, for the sweep's, instead of `storage`.")
]
NAME = Annotated[str | None, typer.Option(help="Name of the sweep, instead of the file's `name`.")]
ADDRESS = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT|auto",
        help="Head of a Ray cluster to run on, or `auto` for the one that this machine is of, instead of this machine alone.",
    ),
]


SCALE = Annotated[str | None, typer.Option(help="A smaller version that the study file names.")]


@app.command()
def run(
    file: FILE,
    overrides: SET = None,
    storage: STORAGE = None,
    name: NAME = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a sweep of the same name.")] = False,
    address: ADDRESS = None,
) -> None:
    """Run a sweep: its trials, the winner's retrain, the test.

    Exits with 0; 1 when trials or the retrain failed or every trial diverged; 2 for input that cannot be used; 130 when
    interrupted, by Ctrl-C or SIGTERM.
    """
    with _input_errors():
        sweep = _load(file, overrides, storage, name)
        from tuning.driver import run as run_sweep

        result = run_sweep(sweep, overwrite=overwrite, console=_console(), address=address)
    _end(result)


@app.command()
def study(
    file: Annotated[Path, typer.Argument(help="Study file (YAML).", show_default=False)],
    scale: SCALE = None,
    overrides: SET = None,
    storage: STORAGE = None,
    name: NAME = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Run again what is done.")] = False,
    address: ADDRESS = None,
) -> None:
    """Run a study: its sweeps one after the other, and the table of all; called again, it goes on with what is not done.

    Exits as `run` does.
    """
    console = _console()
    again = ["upsweep", *sys.argv[1:]]

    def begun() -> None:
        again[:] = [word for word in again if word != "--overwrite"]

    with _input_errors(lambda: shlex.join(again)):
        from tuning.study_file import load_study

        loaded = load_study(file, overrides, scale, _given(storage, name))
        from tuning.study import run_study

        result = run_study(loaded, overwrite=overwrite, console=console, address=address, begun=begun)
        from tuning.summarise import show_study

        show_study(result.folder, console)
    for left, why in result.left_out.items():
        console.print(f"{left} was left out: {why}", style="red", soft_wrap=True)
    if result.interrupted:
        console.print(f"interrupted; go on with: {shlex.join(again)}", style="red", soft_wrap=True)
    raise typer.Exit(INTERRUPTED if result.interrupted else 0 if result.ok else 1)


@app.command()
def resume(
    run: Annotated[
        str,
        typer.Argument(
            help="The folder, or s3 address, of a sweep that did not end; or a cluster's run by its id.",
            show_default=False,
        ),
    ],
    address: ADDRESS = None,
    code: Annotated[
        Path | None,
        typer.Option(help="For a cluster's run: a checkout of upsweep's, as it was submitted with."),
    ] = None,
) -> None:
    """Go on with a sweep that was interrupted or killed, or whose trials or retrain failed; exits as `run` does."""
    if service := service_of(run, address):
        resume_run(run, service, code)
    if code is not None:
        with _input_errors():
            raise InputError("--code", ["is for a run on a cluster; give its --address, as http://HEAD:8265"])
    at = ["--address", address] if address else []
    with _input_errors(shlex.join(["upsweep", "resume", run, *at])):
        from tuning.unfinished import unfinished

        sweep = unfinished(run)
        if sweep is None:
            _console().print(f"{run} has ended; there is nothing to go on with", soft_wrap=True)
            raise typer.Exit
        from tuning.driver import run as run_sweep

        result = run_sweep(sweep, resume=True, console=_console(), address=address)
    _end(result)


@app.command()
def validate(
    file: FILE,
    scale: SCALE = None,
    overrides: SET = None,
    storage: STORAGE = None,
    name: NAME = None,
    address: ADDRESS = None,
) -> None:
    """Say what a sweep, or a study, would do and need, and run nothing."""
    with _input_errors():
        if address is not None:
            from tuning import cluster

            cluster.start(address)
        from tuning.study_file import is_study, load_study

        if is_study(file):
            from tuning.describe import describe_study
            from tuning.study import plan_study

            study = load_study(file, overrides, scale, _given(storage, name))
            describe_study(study, plan_study(study), _console())
            return
        if scale is not None:
            raise InputError("--scale", ["is for studies; a sweep's settings are changed by --set"])
        sweep = _load(file, overrides, storage, name)
        from tuning.describe import describe
        from tuning.plan import plan

        describe(plan(sweep, overwrite=True), _console())


@app.command()
def clean(
    folder: Annotated[
        str, typer.Argument(help="The folder of a sweep, or its s3 address.", show_default=False)
    ],
    yes: Annotated[
        bool, typer.Option("--yes", help="Even if it has not ended well: it cannot be gone on with after.")
    ] = False,
) -> None:
    """Drop what only a resume needs: journal, checkpoints, shared states, Ray's own; tables and curves stay."""
    with _input_errors():
        from tuning.clean import clean as clean_sweep

        run = folder if is_s3(folder) else _sweep_file(Path(folder)).parent
        freed = clean_sweep(run, anyway=yes)
    _console().print(f"freed {freed / 1e6:.1f} MB of {folder}", soft_wrap=True, highlight=False)


@app.command()
def token() -> None:
    """Make the token that a cluster asks for, in a file that this user alone can read; it is not shown."""
    with _input_errors():
        from tuning.token import make_token

        file, made = make_token()
    said = "wrote a token to" if made else "there is a token already, which a cluster may use; it is kept in"
    _console().print(f"{said} {file}: copy it to every machine of the cluster, mode 600", soft_wrap=True)


@app.command()
def settings() -> None:
    """Print a page on every setting, as Markdown: docs/settings.md."""
    from tuning.settings_page import settings_page

    typer.echo(settings_page(), nl=False)


@app.command()
def bench(
    data: Annotated[str, typer.Option(help="Folder of images, or `sample`.")] = "sample",
    arch: Annotated[str, typer.Option(help="alexnet or vgg11.")] = "alexnet",
    quick: Annotated[bool, typer.Option("--quick", help="Small images, few of them: five minutes.")] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Measure this part alone: store, step, epochs, memory, starts or sweep; again for more."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Parquet file for the figures.")] = None,
) -> None:
    """Measure this machine: each figure side by side with what it is compared to, medians with their extremes."""
    console = _console()
    with _input_errors():
        from data_utils.prepared import open_folder
        from trainables.architectures import MIN_IMAGE_SIZE

        if arch not in MIN_IMAGE_SIZE:
            raise InputError("--arch", [f"must be one of {', '.join(MIN_IMAGE_SIZE)}, but got {arch!r}"])
        root = str(open_folder(data).root)

        from tuning.bench import PARTS, measure_all
        from tuning.bench_figures import Setting
        from tuning.results import write_measures
        from tuning.summary import measures_table

        if unknown := set(only or ()) - PARTS.keys():
            names = ", ".join(PARTS)
            raise InputError(
                "--only", [f"must be one of {names}, but got {name!r}" for name in sorted(unknown)]
            )
        setting = Setting.of(root, arch, quick)
        measures = []
        for measure in measure_all(setting, lambda text: console.print(text, soft_wrap=True), only or PARTS):
            measures.append(measure)
            if out is not None:  # each time, so that what has been measured is not lost
                write_measures(out, measures)
    console.print(measures_table(measures))


def main() -> None:
    """Run the command line."""
    heed_signals()
    atexit.register(
        gc.freeze
    )  # after Ray's exit; else Python looks through all that was imported, for a second
    app()


def _load(file: Path, overrides: list[str] | None, storage: str | None, name: str | None) -> "Sweep":
    from tuning.config import load_sweep

    return load_sweep(file, overrides, _given(storage, name))


def _sweep_file(folder: Path) -> Path:
    """Return the `sweep.yaml` of a sweep's folder, absolute.

    Raises:
        InputError: there is none.
    """
    from tuning.sweep_file import SWEEP_FILE

    file = folder.resolve() / SWEEP_FILE
    if not file.is_file():
        raise InputError(str(folder), [f"holds no {SWEEP_FILE}; give the folder of a sweep"])
    return file


def _end(result: "SweepResult") -> NoReturn:
    """Print how a sweep ended, and exit."""
    from tuning.summarise import exit_code, summarise

    summarise(result, _console())
    raise typer.Exit(exit_code(result))


def _given(storage: str | None, name: str | None) -> dict[str, str]:
    given = {"storage": storage, "name": name}
    return {key: value for key, value in given.items() if value is not None}


if __name__ == "__main__":
    main()
