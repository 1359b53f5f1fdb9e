"""Images as an archive at a server: fetched once, whole or not at all, and nothing of it lies outside its folder."""

import hashlib
import io
import re
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest

from data_utils.archive import archive_folder, archive_problem, fetched_archive
from data_utils.caches import cached, clear_cache
from data_utils.errors import InputError
from data_utils.file_access import send
from data_utils.places import s3_place
from data_utils.prepared import open_folder, open_split
from tests.s3_server import S3Server

CLASSES = ["ant", "bee", "cat"]
MODES: dict[str, Literal["w:gz", "w:bz2", "w:xz"]] = {".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}


class Server:
    """Serves a folder, and counts what is asked for."""

    def __init__(self, folder: Path):
        self.folder, self.asked = folder, list[str]()
        server = self

        class Handler(SimpleHTTPRequestHandler):
            def __init__(self, *arguments: object) -> None:
                super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

            def log_message(self, *_: object) -> None:
                server.asked.append(self.path)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve a folder, with a cache of this test's own."""
    monkeypatch.setenv("UPSWEEP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "served").mkdir()
    server = Server(tmp_path / "served")
    yield server
    server.http.shutdown()
    server.http.server_close()


def tar(images: Path, file: Path, inside: str = "flowers") -> Path:
    """Write a folder as a tar."""
    with tarfile.open(file, MODES.get(file.suffix, "w")) as archive:
        archive.add(images, inside)
    return file


def zipped(images: Path, file: Path) -> Path:
    """Write a folder as a zip."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in images.rglob("*.jpg"):
            archive.write(path, f"flowers/{path.relative_to(images)}")
    return file


def left(tmp_path: Path) -> list[str]:
    """Return what the cache holds of archives, but for locks."""
    return [path.name for path in (tmp_path / "cache" / "archives").iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("inside", ["flowers", ".", "101_ObjectCategories"])
def test_a_tar_is_fetched_once(server: Server, images: Path, inside: str) -> None:
    """Whether the classes are in it, in a folder of it, or laid out as Caltech's; the cache shows it and drops it."""
    tar(images, server.folder / "flowers.tar.gz", inside)
    root = f"{server.url}/flowers.tar.gz"
    assert [open_folder(root).classes for _ in range(3)] == [CLASSES] * 3
    assert len(server.asked) == 1
    assert [entry.kind for entry in cached()] == ["archive"]
    clear_cache()
    assert cached() == []
    assert open_folder(root).classes == CLASSES


def test_a_zip_is_fetched(server: Server, images: Path) -> None:
    """With what macOS adds left aside."""
    with zipfile.ZipFile(zipped(images, server.folder / "flowers.zip"), "a") as archive:
        archive.writestr("__MACOSX/flowers/._x.jpg", b"")
    assert open_folder(f"{server.url}/flowers.zip").classes == CLASSES


def test_a_file_beside_the_folder_is_no_class(server: Server, images: Path) -> None:
    """Nor is it a reason to take the folder for one; the address may hold what is not ASCII, and blanks."""
    (images / "README").write_text("")
    with zipfile.ZipFile(zipped(images, server.folder / "données 1.zip"), "a") as archive:
        archive.writestr("LICENSE.txt", b"")
    assert open_folder(f"{server.url}/données 1.zip").classes == CLASSES
    assert open_folder(f"{server.url}/donn%C3%A9es%201.zip").classes == CLASSES


def test_of_an_archive_its_address_is_named(server: Server, images: Path) -> None:
    """Not where in the cache it is."""
    tar(images, server.folder / "d.tar", "data/flowers/")
    root = f"{server.url}/d.tar"
    with pytest.raises(InputError) as raised:
        open_split(root)
    assert str(raised.value).startswith(f"{root}: holds one class, 'flowers' (it holds ant, bee, cat), ")
    assert str(raised.value).endswith("; pack the folder of classes alone")


def test_those_who_ask_at_once_wait_for_one(server: Server, images: Path) -> None:
    """As trials do that start together on a machine."""
    tar(images, server.folder / "flowers.tar")
    with ThreadPoolExecutor(4) as pool:
        roots = list(pool.map(fetched_archive, [f"{server.url}/flowers.tar"] * 4))
    assert len(set(roots)) == 1
    assert len(server.asked) == 1


def test_a_checksum_is_compared(server: Server, images: Path, tmp_path: Path) -> None:
    """Another archive leaves nothing; the message has the digest that it has."""
    digest = hashlib.sha256(tar(images, server.folder / "flowers.tar").read_bytes()).hexdigest()
    root = f"{server.url}/flowers.tar#sha256="
    with pytest.raises(InputError, match=f"has the SHA-256 {digest}; fetch the right one"):
        fetched_archive(root + "0" * 64)
    assert left(tmp_path) == []
    assert open_folder(root + digest).classes == CLASSES


def test_what_is_no_archive_or_not_whole_leaves_nothing(server: Server, images: Path, tmp_path: Path) -> None:
    """Each is named by its address."""
    whole = tar(images, server.folder / "flowers.tar.gz").read_bytes()
    (server.folder / "half.tar.gz").write_bytes(whole[: len(whole) // 2])
    (server.folder / "text.tar").write_text("no archive" * 100)
    (server.folder / "text.zip").write_text("no archive" * 100)
    for name in ("half.tar.gz", "text.tar", "text.zip", "none.tar"):
        with pytest.raises(InputError, match=re.escape(f"{server.url}/{name}: cannot be fetched into")):
            fetched_archive(f"{server.url}/{name}")
    assert left(tmp_path) == []


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.bz2", "x.tar.xz"])
@pytest.mark.parametrize("part", [0.3, 0.6])
def test_what_is_damaged_in_the_middle_leaves_nothing(
    server: Server, images: Path, tmp_path: Path, name: str, part: float
) -> None:
    """Each compression says so by an error of its own."""
    file = (zipped if name.endswith("zip") else tar)(images, server.folder / name)
    content = bytearray(file.read_bytes())
    middle = int(part * len(content))
    content[middle : middle + 64] = b"\xff" * 64
    file.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(f"{server.url}/{name}: cannot be fetched into")):
        fetched_archive(f"{server.url}/{name}")
    assert left(tmp_path) == []


def test_an_answer_that_is_cut_leaves_nothing(server: Server, tmp_path: Path) -> None:
    """In the middle of one of its chunks."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(2**16)
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\ncut")

        threading.Thread(target=answer, daemon=True).start()
        root = f"http://127.0.0.1:{listening.getsockname()[1]}/x.tar"
        with pytest.raises(InputError, match=re.escape(f"{root}: cannot be fetched into")):
            fetched_archive(root)
    assert left(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "link", "absolute"])
def test_nothing_of_a_tar_goes_outside(server: Server, tmp_path: Path, kind: str) -> None:
    """Such an archive is refused whole."""
    target = tmp_path / "outside.jpg"
    member = tarfile.TarInfo(
        {"file": "../../../../outside.jpg", "link": "a/b.jpg", "absolute": str(target)}[kind]
    )
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(server.folder / "evil.tar", "w") as archive:
        archive.addfile(member, io.BytesIO(b""))
    root = f"{server.url}/evil.tar"
    if kind == "absolute":  # of which tar's data filter drops the root
        assert fetched_archive(root).is_relative_to(tmp_path / "cache")
    else:
        with pytest.raises(InputError, match="cannot be fetched"):
            fetched_archive(root)
        assert left(tmp_path) == []
    assert not target.exists()


def test_nothing_of_a_zip_goes_outside(server: Server, tmp_path: Path) -> None:
    """Names lose what leads there."""
    with zipfile.ZipFile(server.folder / "evil.zip", "w") as archive:
        archive.writestr("../../../../outside.jpg", b"")
    fetched_archive(f"{server.url}/evil.zip")
    assert not list(tmp_path.glob("*.jpg"))


def test_an_archive_at_s3_is_fetched(s3: S3Server, server: Server, images: Path, tmp_path: Path) -> None:
    """By the keys of the environment; one that is not there is named as a user gave it."""
    send(tar(images, tmp_path / "x.tar"), s3_place("s3://bucket/data/flowers.tar"))
    place = s3_place("s3://bucket/data/flowers.tar")
    assert open_folder(place).classes == CLASSES
    assert archive_folder(place).name.startswith("flowers-")
    with pytest.raises(InputError, match=r"^s3://bucket/data/none\.tar: cannot be fetched"):
        open_folder(s3_place("s3://bucket/data/none.tar"))


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("https://host/flowers.tar.gz", None),
        ("https://host/flowers.ZIP#sha256=" + "0" * 64, None),
        ("s3://bucket/flowers.tgz", None),
        ("https://host/flowers", "must end in one of .tar,"),
        ("s3://bucket/flowers/", "must end in one of .tar,"),
        ("https://me:secret@host/x.tar", "must be an address without user"),
        ("https://host/x.tar?X-Amz-Signature=secret", "must be an address without user"),
        ("s3://key:secret@bucket/x.tar", "must hold no key and secret"),
        ("https://host:port/x.tar", "must be an address without user"),
        ("https://host/x.tar#md5=0", "must have nothing after # but sha256="),
        ("https://host/x.tar#sha256=12", "must have nothing after # but sha256="),
    ],
)
def test_an_address_is_checked_and_its_secrets_are_not_repeated(address: str, problem: str | None) -> None:
    """What is written down with the results must hold none."""
    said = archive_problem(address)
    assert (said is None) == (problem is None)
    assert said is None or (
        said.startswith(problem or "") and "secret" not in said.replace("key and secret", "")
    )


@pytest.mark.parametrize(
    "address",
    ["http://u:hunter2@127.0.0.1:9/x.zip", "http://127.0.0.1:9/x.zip?sig=hunter2", "s3://u:hunter2@b/x.zip"],
)
def test_an_address_that_may_hold_a_secret_is_not_tried_and_not_repeated(address: str) -> None:
    """Where no sweep file has checked it, too, as with `upsweep evaluate`."""
    with pytest.raises(InputError) as raised:
        open_folder(address)
    assert "which would be written down with the results" in str(raised.value)
    assert "hunter2" not in str(raised.value)
