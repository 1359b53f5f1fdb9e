"""A kind of case, and how many of it are run and judged."""

import logging
import os
import re
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from data_utils.errors import InputError
from tuning.cli import app


@dataclass(frozen=True)
class Kind:
    """Cases of one kind; `run` returns what was said of one, or "" if all went well, and asserts what must hold."""

    name: str
    cases: st.SearchStrategy[Any]
    run: Callable[[Any], str]


@dataclass
class Tally:
    """What came of a kind's cases."""

    cases: int = 0
    messages: set[str] = field(default_factory=set)
    """Distinct problems in them: numbers, names and paths count for nothing."""
    failures: dict[str, str] = field(default_factory=dict)
    """{where it was raised: a case and its traceback}."""


def command(*arguments: str | Path, names: Sequence[str | Path]) -> str:
    """Run `upsweep`; return what it said if it refused, which must hold one of `names` and no traceback."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert "Traceback" not in done.output
    if done.exit_code == 0:
        return ""
    assert done.exit_code == 2, f"exit {done.exit_code}: {done.output}"
    return _names(done.stderr, names)


def call(function: Callable[[], Any], names: Sequence[str | Path]) -> str:
    """Call what a command calls; return what an InputError said, which must hold one of `names`."""
    try:
        function()
    except InputError as error:
        return _names(str(error), names)
    return ""


def run_cases(kind: Kind, folder: Path, cases: int, start: int | None) -> Tally:
    """Run cases of a kind in its folder.

    Args:
        start: seed of the cases; None: the same ones always.
    """
    tally = Tally()

    def one(case: Any) -> None:
        tally.cases += 1
        try:
            if message := kind.run(case):
                tally.messages |= _shapes(message)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            where = f"{type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}"
            tally.failures.setdefault(where, f"{repr(case)[:2000]}\n{traceback.format_exc()[-3000:]}")

    test = given(kind.cases)(one)
    test = settings(
        max_examples=cases,
        derandomize=start is None,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)
    with _quietly_in(folder):
        (test if start is None else seed(start)(test))()
    return tally


def _names(message: str, names: Sequence[str | Path]) -> str:
    assert "Traceback" not in message
    assert any(str(name) in message for name in names), f"names none of {names}: {message}"
    return message


def _shapes(message: str) -> set[str]:
    """Return the problems of a message without the names, numbers and bytes that differ from case to case."""
    message = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "'...'", message)
    message = re.sub(r"line \d+: .*: (unknown key|the key|is missing)", r"line 0: ...: \1", message)
    message = re.sub(r"(/[^\s:;,()]+)+", "/...", message)
    return {line.strip() for line in re.sub(r"[-+.\w]*\d[-+.\w]*", "0", message).splitlines()}


@contextmanager
def _quietly_in(folder: Path) -> Iterator[None]:
    """Work in a folder, with no word of what is repaired on the way."""
    before = Path.cwd()
    os.chdir(folder)
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        os.chdir(before)
