"""Ray's log without tracebacks."""

import io
import logging

from tuning.ray_log import OneLine


def test_a_traceback_becomes_what_was_raised() -> None:
    """The last line of the error, which in Ray's errors is the worker's; other records stay as they are."""
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    handler.addFilter(OneLine())
    logger = logging.getLogger("test_ray_log")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        raise RuntimeError("ray::train()\n  File x\nOSError: no space\n")
    except RuntimeError:
        logger.exception("saving to %s failed with exception: ", "there")
    try:
        raise KeyError
    except KeyError:
        logger.exception("%d%%", 5)
    logger.error("a node died: %s", "n1")
    assert shown.getvalue().splitlines() == [
        "saving to there failed with exception: OSError: no space",
        "5%: KeyError",
        "a node died: n1",
    ]
