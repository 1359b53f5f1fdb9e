"""The token without which a cluster lets nobody in: where it is looked for, and how one is made. It is never printed."""

import os
import secrets
import stat
from pathlib import Path

from data_utils.errors import InputError

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"
TOKEN_FILE = "RAY_AUTH_TOKEN_PATH"
"""The names that Ray gives them in the environment; its order is ours: the token itself, its file, Ray's own place."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def token_file() -> Path:
    """Return the file that a token is read from, which may not be there."""
    if given := os.environ.get(TOKEN_FILE):
        return Path(given).expanduser()
    return Path.home() / ".ray" / "auth_token"


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_hex(32)


def check_token(subject: str) -> None:
    """See that there is a token to join a cluster with, which no other user of this machine can read.

    Args:
        subject: what asks for it, as a message names it.

    Raises:
        InputError: there is none, or one that others can read.
    """
    if os.environ.get(TOKEN):
        return
    file = token_file()
    try:
        empty = not file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        problem = (
            f"needs the cluster's token, and {file} is not there; copy it from a machine of the cluster and `chmod 600` "
            f"it, or name its file with {TOKEN_FILE} (for a new cluster `upsweep token` makes one)"
        )
        raise InputError(subject, [problem]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(file), [f"holds no token that can be read ({error})"]) from error
    if empty:
        raise InputError(
            str(file), ["is empty; copy the cluster's token into it, or remove it and call `upsweep token`"]
        )
    _refuse_open(file)


def make_token() -> tuple[Path, bool]:
    """Return the token's file, and whether it has been made just now; one that is there is kept, since a cluster may use it.

    Raises:
        InputError: it cannot be written, or others can read the one that is there.
    """
    file = token_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        check_token(str(file))
        return file, False
    except OSError as error:
        problem = f"cannot be written ({error}); name another file with {TOKEN_FILE}"
        raise InputError(str(file), [problem]) from error
    with os.fdopen(handle, "w", encoding="ascii") as opened:
        opened.write(new_token())
    return file, True


def _refuse_open(file: Path) -> None:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & _OTHERS:
        problem = (
            f"can be used by others of this machine (mode {mode:o}), who could run code on the cluster; "
            f"chmod 600 {file}, and make another token if somebody may have read it"
        )
        raise InputError(str(file), [problem])
