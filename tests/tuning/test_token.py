"""The token of a cluster: made once, readable by one user, never shown."""

from pathlib import Path

import pytest

from data_utils.errors import InputError
from tests.conftest import Run
from tuning.token import check_token, make_token, token_file


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that a token is looked for in; it is not there."""
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "folder" / "token"))
    return tmp_path / "folder" / "token"


def test_ray_s_own_place_is_looked_at_unless_another_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ray does."""
    assert token_file() == file
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert token_file() == Path("/home/somebody/.ray/auth_token")


def test_the_command_makes_a_token_and_does_not_show_it(file: Path, in_process: Run) -> None:
    """For this user alone; called again it keeps it, since a cluster may use it."""
    done = in_process("token")
    token = file.read_text()
    assert done.returncode == 0
    assert (len(token), file.stat().st_mode & 0o777) == (64, 0o600)
    again = in_process("token")
    assert "is kept in" in again.stdout
    assert file.read_text() == token
    for said in (done, again):
        assert token not in said.stdout + said.stderr
    check_token("x")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_token_that_others_can_use_is_refused(file: Path, mode: int) -> None:
    """Whether they read it or write it, with the command that mends it."""
    make_token()
    file.chmod(mode)
    for ask in (make_token, lambda: check_token("x")):
        with pytest.raises(
            InputError, match=rf"mode {mode:o}\), who could run code on the cluster; chmod 600 {file}"
        ):
            ask()


def test_an_empty_token_is_refused(file: Path) -> None:
    """As a file that was made and not yet filled is."""
    file.parent.mkdir()
    file.touch(0o600)
    with pytest.raises(InputError, match="is empty"):
        check_token("x")


def test_a_token_in_the_environment_needs_no_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Kubernetes gives it."""
    with pytest.raises(InputError, match=f"needs the cluster's token, and {file} is not there"):
        check_token("x")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a" * 64)
    check_token("x")
