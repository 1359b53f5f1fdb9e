"""Why a trial or a retrain failed, in a line that a person can act on, from the text that Ray gives."""

import re

_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)\b")
_INPUT_ERROR = "data_utils.errors.InputError: "
_UNLIKE_MACHINE = "trainables.alike.UnlikeMachineError: "
_GPU_FULL = re.compile(r"(CUDA|HIP) out of memory|CU\w+_STATUS_ALLOC_FAILED")
_HOST_FULL = re.compile(r"\bMemoryError\b|DefaultCPUAllocator|Cannot allocate memory")
_KILLED_FOR_MEMORY = re.compile(
    r"killed due to the node running low on memory(?:.* was ([\d.]+\s?GB used / [\d.]+\s?GB))?"
)
_DIED = re.compile(r"worker process has died|worker died unexpectedly|actor died unexpectedly")

_SMALLER = "data.batch_size, data.eval_batch_size or data.image_size"
_LESS_OF_A_GPU = f"lower {_SMALLER}, or raise resources.gpus, so that fewer trials share a GPU"
_LESS_OF_A_HOST = f"lower resources.max_concurrent, so that fewer trials run at once, or {_SMALLER}"


def reason(text: str) -> str:
    """Return what was raised last, and where memory ran out, which settings to change.

    Args:
        text: of Ray's `error.txt`, which gains a part at each failure, or of what Ray raised.
    """
    last = last_failure(text)
    if killed := _KILLED_FOR_MEMORY.search(last):
        used = f" ({killed[1]})" if killed[1] else ""
        return f"its machine ran low on memory{used}, so its worker was killed; {_LESS_OF_A_HOST}"
    lines = [line for line in last.splitlines() if line.strip()]
    if not lines or _DIED.search(last):
        died = "its worker died without a word: killed, crashed, or lost with its machine"
        return f"{died}; if memory ran out, {_LESS_OF_A_HOST}"
    # What follows is the rest of a message of several lines, as PyTorch's are.
    raised = next((line for line in reversed(lines) if _RAISED.match(line)), lines[-1])
    if _GPU_FULL.search(raised):
        said, free, _ = raised.partition(" is free.")  # and more on PyTorch's own memory
        return f"{(said + free).rstrip('.')}; {_LESS_OF_A_GPU}"
    return f"{raised}; {_LESS_OF_A_HOST}" if _HOST_FULL.search(raised) else raised


def is_input_error(text: str) -> bool:
    """Return whether the last failure was an InputError, which no retry cures."""
    return _raised(_INPUT_ERROR, text)


def is_unlike_machine(text: str) -> bool:
    """Return whether the last failure was that of a machine which differs from the driver's."""
    return _raised(_UNLIKE_MACHINE, text)


def last_failure(text: str) -> str:
    """Return the last part of Ray's `error.txt`."""
    return re.split(r"^Failure # \d+ \(occurred at .*\)$", text, flags=re.MULTILINE)[-1]


def _raised(kind: str, text: str) -> bool:
    return any(line.startswith(kind) for line in last_failure(text).splitlines())
