"""What Ray logs, in a line each: of what fails the driver gives an account of its own, in words for a user."""

import logging


class OneLine(logging.Filter):
    """Puts what was raised, last line alone, in the place of a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change a record; none is left out."""
        if record.exc_info and record.exc_info[1] is not None:
            lines = [line for line in str(record.exc_info[1]).splitlines() if line.strip()]
            raised = lines[-1] if lines else type(record.exc_info[1]).__name__
            record.msg, record.args = f"{record.getMessage().rstrip(': ')}: {raised}", ()
            record.exc_info = record.exc_text = None
        return True


def without_tracebacks() -> None:
    """Let Ray's own handlers, of this process, show none."""
    for handler in logging.getLogger("ray").handlers:
        if not any(isinstance(one, OneLine) for one in handler.filters):
            handler.addFilter(OneLine())
