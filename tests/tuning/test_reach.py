"""Whether a server answers."""

import socket

from tuning.reach import unreachable


def test_nobody_there() -> None:
    """The reason is what the system says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "refused" in str(unreachable(f"http://127.0.0.1:{port}"))
