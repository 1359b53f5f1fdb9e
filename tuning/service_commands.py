"""The commands that use a cluster from afar: `upsweep submit`, `list`, `status`, `logs`, `stop`, `fetch`."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from data_utils.errors import InputError
from tuning.terminal import INTERRUPTED, fail, input_errors, output

# Ray takes a second to import, and `upsweep --help` shall not wait for it.
if TYPE_CHECKING:
    from collections.abc import Callable

    from tuning.job_stream import Sent
    from tuning.service import Service

service_app = typer.Typer()

VARIABLE = "UPSWEEP_ADDRESS"
ADDRESS = Annotated[
    str | None,
    typer.Option(envvar=VARIABLE, help="The cluster's dashboard, as http://HEAD:8265.", show_default=False),
]
RUN = Annotated[str, typer.Argument(help="A run's id, as `submit` and `list` print it.", show_default=False)]


@service_app.command()
def submit(
    file: Annotated[
        Path, typer.Argument(help="Sweep file (YAML); its paths are the cluster's.", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, as a.b=c."),
    ] = None,
    storage: Annotated[
        str | None, typer.Option(help="Folder on the cluster, or s3://bucket/prefix, instead of `storage`.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the sweep, instead of the file's `name`.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a sweep of the same name.")] = False,
    code: Annotated[
        Path | None, typer.Option(help="A checkout of upsweep's, whose packages travel with the run.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    address: ADDRESS = None,
) -> None:
    """Run a sweep on a cluster: prints the run's id at once, and returns when the cluster has looked at the sweep.

    Exits with 0; 2 for input that the cluster cannot use. With --wait it exits as `run` does.
    """
    with input_errors():
        from tuning.config import load_sweep

        given = {key: value for key, value in {"storage": storage, "name": name}.items() if value is not None}
        sweep = load_sweep(file, overrides, given)
        service = _service(address)
        run = service.submit(sweep, overwrite=overwrite, code=code)
        typer.echo(run)
        _see_it_begin(service, run, run, wait)


@service_app.command("list")
def list_runs(address: ADDRESS = None) -> None:
    """List a cluster's runs, since its head was started."""
    with input_errors():
        runs = _service(address).runs()
    # Broken where they are too long, and not cut: by the id all other commands know a run.
    run_column, where = (Column(heading, overflow="fold") for heading in ("run", "where"))
    headings = (run_column, "state", "submitted", "by", where)
    table = Table(*headings, box=None, pad_edge=False)
    for run in runs:
        table.add_row(*map(Text, (run.id, run.state, run.began, run.user, run.place)))
    output().print(table if runs else "no runs yet")


@service_app.command()
def status(run: RUN, address: ADDRESS = None) -> None:
    """Say how far a run is: trials, epochs, the best so far, the time left by what is known."""
    with input_errors():
        service = _service(address)
        found = service.run(run)
        lines = {"run": found.id, "state": found.state, "where": found.place}
        try:
            for answer in service.ask("status", found):
                lines |= answer["status"]
        finally:
            for key, text in lines.items():
                output().print(f"{key:<8} {text}", soft_wrap=True, highlight=False)


@service_app.command()
def logs(
    run: RUN,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    address: ADDRESS = None,
) -> None:
    """Print what a run has said since it was begun, or gone on with."""
    with input_errors():
        service = _service(address)
        found = service.run(run)
        for line in service.follow(found.job) if follow else service.log(found.job):
            typer.echo(line)


@service_app.command()
def stop(run: RUN, address: ADDRESS = None) -> None:
    """End a run cleanly: running trials end their epoch and keep their state, for `upsweep resume RUN`."""
    with input_errors():
        service = _service(address)
        found = service.run(run)
        if not service.stop(found):
            raise InputError(run, [f"is not under way but {found.state}; there is nothing to stop"])
        typer.echo("its trials, or its retrain, end their epoch and keep their state", err=True)
        code = service.wait(found.job)
    said = "it had ended" if code == 0 else f"stopped; go on with: {shlex.join(['upsweep', 'resume', run])}"
    output().print(said, soft_wrap=True, highlight=False)


@service_app.command()
def fetch(
    run: RUN,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="New folder, or that of an earlier fetch of this run.")
    ],
    address: ADDRESS = None,
) -> None:
    """Bring a run's files here: tables, model, report, settings; each whole, by its digest."""
    with input_errors():
        from tuning.fetching import fetched_before, write_files

        service = _service(address)
        found = service.run(run)
        fetched_before(folder, found.place)  # or the cluster would be asked for nothing
        with _telling() as told:
            number = write_files(service.ask("fetch", found), folder, found.place, told)
    output().print(f"{number} files: {folder}", soft_wrap=True, highlight=False)


def service_of(run: str, address: str | None) -> str | None:
    """Return the dashboard's address if a run to go on with is a cluster's: one was given, or is set and no such folder is here."""
    if address is not None:
        return address if address.startswith(("http://", "https://")) else None
    return os.environ.get(VARIABLE) if not Path(run).exists() else None


def resume_run(run: str, address: str, code: Path | None = None) -> NoReturn:
    """Go on with a run on a cluster, and exit as `submit` does."""
    with input_errors():
        service = _service(address)
        job = service.resume(service.run(run), code)
        _see_it_begin(service, run, job, wait=False)
    raise typer.Exit


def _service(address: str | None) -> "Service":
    """Return the cluster at an address.

    Raises:
        InputError: none was given, or it cannot be used.
    """
    if address is None:
        problem = f"must name the cluster's dashboard, as http://HEAD:8265; or set {VARIABLE}"
        raise InputError("--address", [problem])
    from tuning.service import Service

    return Service(address)


def _see_it_begin(service: "Service", run: str, job: str, wait: bool) -> None:
    """Stay until the cluster has looked at what was sent, or with `wait` to the end; exit as it does if it ends."""
    try:
        if not wait:
            ended = service.begins(job)
            typer.echo(f"follow it with: upsweep logs -f {run}", err=True)
        else:
            for line in service.follow(job):
                typer.echo(line)
            ended = service.wait(job)
    except KeyboardInterrupt:
        fail(
            f"the run goes on; follow it with: upsweep logs -f {run}; end it with: upsweep stop {run}",
            INTERRUPTED,
        )
    if ended is not None:
        raise typer.Exit(ended)


@contextmanager
def _telling() -> Iterator["Callable[[Sent], None]"]:
    """Give what names the file that is on its way, on stderr."""
    console = Console(stderr=True)
    with console.status("asking the cluster") as shown:

        def told(sent: "Sent") -> None:
            shown.update(f"{sent.name} ({sent.bytes / 1e6:.1f} MB)")

        yield told
