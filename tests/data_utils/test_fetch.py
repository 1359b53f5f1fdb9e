"""Fetching Caltech-101, from a real server on loopback."""

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data_utils.caltech101 import Caltech101
from data_utils.errors import InputError
from data_utils.fetch import fetch_caltech101, fetch_dataset


@pytest.fixture
def server(tmp_path: Path, images: Path) -> Iterator[tuple[str, str]]:
    """Serve an archive laid out as Caltech's; give its URL and MD5."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        archive.add(images, "101_ObjectCategories")
    served = tmp_path / "served"
    served.mkdir()
    with zipfile.ZipFile(served / "caltech-101.zip", "w") as outer:
        outer.writestr("caltech-101/101_ObjectCategories.tar.gz", tar.getvalue())
    md5 = hashlib.md5((served / "caltech-101.zip").read_bytes()).hexdigest()
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(served)))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}/caltech-101.zip", md5
    http.shutdown()
    http.server_close()


def test_the_archive_becomes_a_folder_of_classes(tmp_path: Path, server: tuple[str, str]) -> None:
    """Its images can be opened, and nothing else is left behind."""
    root = fetch_caltech101(tmp_path / "got", *server)
    assert Caltech101(root).classes == ["ant", "bee", "cat"]
    assert [p.name for p in root.iterdir()] == ["101_ObjectCategories"]


def test_a_wrong_archive_leaves_nothing(tmp_path: Path, server: tuple[str, str]) -> None:
    """A checksum that does not match is an error that names the address."""
    url, _ = server
    with pytest.raises(InputError, match=url):
        fetch_caltech101(tmp_path / "got", url, "0" * 32)
    assert list((tmp_path / "got").iterdir()) == []


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    """No connection is an error with the address and a remedy."""
    with pytest.raises(InputError, match=r"http://127.0.0.1:9/x\.zip: cannot be fetched"):
        fetch_caltech101(tmp_path / "got", "http://127.0.0.1:9/x.zip")


def test_an_unknown_data_set_is_named(tmp_path: Path) -> None:
    """The message says which there are."""
    with pytest.raises(InputError, match="imagenet: no such data set; there is caltech101"):
        fetch_dataset("imagenet", tmp_path)
