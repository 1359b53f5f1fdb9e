"""The commands `upsweep results` and `upsweep report`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from tuning.terminal import input_errors, output

results_app = typer.Typer()

RUNS = Annotated[str, typer.Argument(help="A sweep's folder or s3 address, or one that holds sweeps.")]


@results_app.command()
def results(
    path: RUNS,
    sweep: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only sweeps whose names match, as 'alexnet-*'.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of trials.parquet to sort by, accuracies from the best."),
    ] = None,
    form: Annotated[
        Literal["table", "csv", "json"],
        typer.Option("--format", help="The table, or all columns of the trials for other programs."),
    ] = "table",
) -> None:
    """Show the trials and tests of one sweep or several."""
    from tuning.analysis import running_trials
    from tuning.export import sort_trials, to_csv, to_json
    from tuning.results import load
    from tuning.scaled import scaled_notes
    from tuning.summary import running_table, test_table, trials_table

    console = output()
    with input_errors():
        frames = load(path, sweep)
        trials = frames.read("trials")
        if sort is not None:
            trials = sort_trials(trials, sort)
        test = frames.test if form == "table" else None
        # Of one sweep alone, since the epochs of a thousand take seconds to read.
        one = frames.sweeps("epochs") == 1
        running = running_trials(frames) if form == "table" and one else None
        notes = scaled_notes(path, sweep) if form == "table" else []
    if form != "table":
        typer.echo(to_csv(trials) if form == "csv" else to_json(trials), nl=False)
        return
    if len(trials):
        console.print(trials_table(trials))
    if running is not None and len(running):
        console.print("trials that have not ended, and their best epochs so far:")
        console.print(running_table(running))
    if test is not None:
        console.print()
        console.print(test_table(test))
    for note in notes:
        console.print(note, soft_wrap=True, highlight=False)


@results_app.command()
def report(
    path: RUNS,
    out: Annotated[Path | None, typer.Option(help="HTML file, instead of report.html in the folder.")] = None,
) -> None:
    """Write a sweep's report, or an overview of several sweeps, as one HTML file."""
    with input_errors():
        from tuning.local_copy import report_of

        file = report_of(path, out)
    output().print(f"wrote {file}", soft_wrap=True, highlight=False)
