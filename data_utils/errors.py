"""The one error for what a user gave and cannot be used."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


class InputError(ValueError):
    """Input that cannot be used: all its problems at once, each naming the thing, the rule and the remedy.

    The command line prints it without a traceback and exits with 2.
    """

    def __init__(self, subject: str, problems: Sequence[str]):
        self.subject = subject
        self.problems = tuple(problems)
        super().__init__(subject, self.problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return f"{self.subject}: {self.problems[0]}"
        return f"{self.subject}: {len(self.problems)} problems" + "".join(f"\n  {p}" for p in self.problems)


@contextmanager
def told_of(original: str, copy: str) -> Iterator[None]:
    """Say of what is wrong with a copy where the original is."""
    try:
        yield
    except InputError as error:
        subject, *problems = (text.replace(copy, original) for text in (error.subject, *error.problems))
        raise InputError(subject, problems) from error


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint for a name that is not among those known: the nearest, or where they begin and end."""
    names = list(known)
    close = sorted(difflib.get_close_matches(name, names, n=3, cutoff=0.6))
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    few = names if len(names) <= 7 else [*names[:5], "...", names[-1]]
    return f"there are {', '.join(few)}"


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing: the rest is for programmers."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
