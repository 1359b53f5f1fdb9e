"""Where commands print, and how they end on input that cannot be used."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer
from rich.console import Console

from data_utils.errors import InputError
from tuning.disk_full import is_disk_full

INTERRUPTED = 130
"""The exit code that shells give a command ended by Ctrl-C; ours at SIGTERM, too."""


def heed_signals() -> None:
    """Log to stderr, and end at SIGTERM as at Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # KeyboardInterrupt, as at Ctrl-C


def output() -> Console:
    """Return where to print; piped output is not folded at the 80 columns that a pipe is taken to have."""
    return Console(markup=False) if sys.stdout.isatty() else Console(markup=False, width=160)


@contextmanager
def input_errors(again: str | Callable[[], str] | None = None) -> Iterator[None]:
    """Print an InputError without a traceback, and exit with 2; say so of an interrupt, and how to go on.

    Args:
        again: the command that goes on with what was interrupted, or what gives it then.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        command = again() if callable(again) else again
        said = f"interrupted; go on with: {command}" if command else str(error)
        fail(said or "interrupted", INTERRUPTED)
    except InputError as error:
        fail(str(error), 2)
    except OSError as error:
        if not is_disk_full(error):
            raise
        fail(f"the disk is full ({error}); free some space, then call it again", 2)


def fail(message: str, code: int) -> NoReturn:
    """Print a message in red on stderr, and exit."""
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
