"""Whether a server answers, asked before a sweep that is to talk to it."""

import http.client
import ssl
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

SECONDS = 5.0
"""How long a server may take to answer."""


def unreachable(address: str) -> str | None:
    """Return why an http(s) address does not answer, or None if it does; an answer that is an error is one."""
    try:
        urlopen(address, timeout=SECONDS).close()
    except HTTPError as error:
        error.close()
    except URLError as error:
        # A certificate is for the tracker's own client to judge, by its own settings.
        return None if isinstance(error.reason, ssl.SSLError) else str(error.reason)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    return None
