"""What runs on a cluster's head for `upsweep submit`, `resume`, `status` and `fetch`, started there by Ray's Jobs API.

`python -m tuning.job run | resume PLACE | status PLACE | fetch PLACE`, with `--client VERSION`, and of a place at S3 the
server as `--endpoint` and `--region`; by default those of the head's environment. What is relative, of a sweep
file or a place, is so to the cluster's shared folder, `$UPSWEEP_SHARED`: a job's own folder is gone after it.
"""

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from data_utils.errors import InputError
from data_utils.places import is_s3
from tuning.job_stream import DONE, file_lines, message
from tuning.remote import place_given
from tuning.terminal import heed_signals, input_errors, output

if TYPE_CHECKING:
    from tuning.config import Sweep

SHARED_FOLDER = "UPSWEEP_SHARED"
"""Names, in the environment of the head, the folder that all machines of the cluster share."""
QUERY = "upsweep-query-"
"""What the ids of jobs begin with that only read; their logs hold files, and are removed after a while."""
SECONDS_KEPT = 3600.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what a client asked for."""
    parser = argparse.ArgumentParser(prog="python -m tuning.job")
    parser.add_argument("what", choices=["run", "resume", "status", "fetch"])
    parser.add_argument("place", nargs="?", default="", help="of the run; a new one's is in its sweep file")
    parser.add_argument("--client", help="the version of upsweep that asks")
    parser.add_argument("--endpoint", help="of the server that an s3 address is at")
    parser.add_argument("--region")
    parser.add_argument("--overwrite", action="store_true")
    asked = parser.parse_args(arguments)
    for name, given in (("AWS_ENDPOINT_URL_S3", asked.endpoint), ("AWS_REGION", asked.region)):
        if given:
            os.environ[name] = given
    from typer import Exit

    try:
        with input_errors(asked.place and shlex.join(["upsweep", "resume", asked.place])):
            heed_signals()
            check_version(asked.client)
            if asked.what in ("run", "resume"):
                _train(asked.what, asked.place, asked.overwrite)
            else:
                drop_old_logs(time.time())
                place = _in_shared_folder(asked.place)
                _send_status(place) if asked.what == "status" else _send_files(place)
                print(message(**{DONE: True}), flush=True)
    except Exit as end:
        sys.exit(end.exit_code)


def check_version(client: str | None) -> None:
    """Refuse a client of another version, whose settings might mean something else here.

    Raises:
        InputError: it has another.
    """
    if client != (here := version("upsweep")):
        problem = f"is {here}, but yours is {client}; install upsweep=={here} on your machine, or yours on all of the cluster's"
        raise InputError("upsweep on the cluster", [problem])


def check_relative(sweep: "Sweep", shared: str | None) -> None:
    """Refuse places that are relative to a shared folder which the cluster does not name.

    Raises:
        InputError: all of them.
    """
    from data_utils.prepared import SAMPLE
    from trainables.architectures import IMAGENET

    places = {"storage": sweep.storage, "data.root": sweep.data.root, "model.weights": sweep.model.weights}
    relative = {
        key: place
        for key, place in places.items()
        if place is not None
        and place not in (SAMPLE, IMAGENET)
        and "://" not in place
        and not Path(place).expanduser().is_absolute()
    }
    if relative and not shared:
        problems = [
            f"{key}: {place!r} is relative to the cluster's shared folder, and its head names none; give an absolute "
            f"path, or start the head with {SHARED_FOLDER}=FOLDER"
            for key, place in relative.items()
        ]
        raise InputError(f"sweep {sweep.name!r}", problems)


def drop_old_logs(now: float, seconds: float = SECONDS_KEPT) -> None:
    """Remove the logs of queries before this one, which hold the files they sent and which Ray keeps for good."""
    log = Path(os.readlink("/proc/self/fd/1"))
    if f"-{QUERY}" in log.name:
        for old in log.parent.glob(f"job-driver-{QUERY}*.log"):
            with suppress(OSError):
                if now - old.stat().st_mtime > seconds:
                    old.unlink()


def _train(what: str, place: str, overwrite: bool) -> None:
    """Run or resume a sweep on this cluster, and exit as `upsweep run` does."""
    if what == "run":
        from tuning.config import load_sweep
        from tuning.sweep_file import SWEEP_FILE

        sweep = load_sweep(SWEEP_FILE)  # in the job's own folder, with what came along
        check_relative(sweep, os.environ.get(SHARED_FOLDER))
        _in_shared_folder("")
    else:
        from tuning.unfinished import unfinished

        found = unfinished(_in_shared_folder(place))
        if found is None:
            print(f"{place} has ended; there is nothing to go on with")
            return
        sweep = found
    from typer import Exit

    from tuning import cluster
    from tuning.driver import run as run_sweep
    from tuning.summarise import exit_code, summarise

    cluster.start("auto", submitted=True)
    result = run_sweep(sweep, overwrite=overwrite, resume=what == "resume", console=output(), address="auto")
    summarise(result, output())
    raise Exit(exit_code(result))


def _in_shared_folder(place: str) -> str:
    """Go to the shared folder, if there is one, and return a place in it."""
    shared = os.environ.get(SHARED_FOLDER)
    if shared:
        try:
            os.chdir(shared)
        except OSError as error:
            problem = f"names {shared}, which the head cannot use ({error}); mount it, or start the head with another"
            raise InputError(SHARED_FOLDER, [problem]) from error
    return place if is_s3(place) else os.path.abspath(place_given(place))


def _send_status(place: str) -> None:
    from tuning.config import load_sweep
    from tuning.ending import ENDING, read_ending
    from tuning.files import read_rows
    from tuning.local_copy import local_copy
    from tuning.records import EpochRow
    from tuning.results import EPOCHS, TEST, TRIALS
    from tuning.run_status import describe, run_status
    from tuning.space import count_points
    from tuning.sweep_file import SWEEP_FILE

    with local_copy(place, names=(SWEEP_FILE, EPOCHS, TRIALS, TEST, ENDING)) as folder:
        if not (folder / SWEEP_FILE).exists():
            raise InputError(place, ["has no files yet: the run has not begun, or was refused; see its log"])
        sweep = load_sweep(folder / SWEEP_FILE)

        def rows(name: str) -> list[dict[str, object]]:
            return read_rows(folder / name) if (folder / name).exists() else []

        status = run_status(
            trials=count_points(sweep),
            max_epochs=sweep.train.max_epochs,
            epochs=[EpochRow(**row) for row in rows(EPOCHS)],  # type: ignore[arg-type]  # as the schema has them
            outcomes={int(str(row["trial"])): str(row["outcome"]) for row in rows(TRIALS)},
            tested=[float(str(row["test_accuracy"])) for row in rows(TEST)],
            ended=read_ending(folder) is not None,
        )
    print(message(status=describe(status), place=place), flush=True)


def _send_files(place: str) -> None:
    from tuning.local_copy import local_copy
    from tuning.sweep_file import SWEEP_FILE

    with local_copy(place) as folder:
        if not (folder / SWEEP_FILE).exists():
            raise InputError(place, ["has no files yet: the run has not begun, or was refused; see its log"])
        names = sorted(file.name for file in folder.iterdir() if file.is_file() and file.name[0] != ".")
        for name in names:
            for line in file_lines(folder / name, name):
                print(line, flush=True)


if __name__ == "__main__":
    main()
