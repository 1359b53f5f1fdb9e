"""Why a trial or a retrain failed, in a line that a person can act on, from the text that Ray gives."""

import re

_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)\b")
_INPUT_ERROR = "data_utils.errors.InputError: "
_DIED = re.compile(r"worker process has died|worker died unexpectedly|actor died unexpectedly")
_DIED_REASON = "its worker died without a word: killed, crashed, or lost with its machine"


def reason(text: str) -> str:
    """Return what was raised last.

    Args:
        text: of Ray's `error.txt`, which gains a part at each failure, or of what Ray raised.
    """
    lines = [line for line in last_failure(text).splitlines() if line.strip()]
    if not lines or any(_DIED.search(line) for line in lines):
        return _DIED_REASON
    # What follows is the rest of a message of several lines, as PyTorch's are.
    return next((line for line in reversed(lines) if _RAISED.match(line)), lines[-1])


def is_input_error(text: str) -> bool:
    """Return whether the last failure was an InputError, which no retry cures."""
    return any(line.startswith(_INPUT_ERROR) for line in last_failure(text).splitlines())


def last_failure(text: str) -> str:
    """Return the last part of Ray's `error.txt`."""
    return re.split(r"^Failure # \d+ \(occurred at .*\)$", text, flags=re.MULTILINE)[-1]
