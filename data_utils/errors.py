"""The one error for what a user gave and cannot be used."""

from collections.abc import Sequence


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
