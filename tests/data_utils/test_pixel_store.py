"""Decoded once, read in place, rebuilt when torn or stale."""

import os
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor, resize

from data_utils.caltech101 import Caltech101
from data_utils.errors import InputError
from data_utils.pixel_store import PixelStore, decode_all, rows_at_once, store_key
from tests.conftest import save_image, write_images


def test_images_are_those_of_the_files(images: Path) -> None:
    """Sample i of the data set is image i: short side resized, native aspect, uint8, read-only."""
    dataset = Caltech101(images)
    store = PixelStore.of(dataset, 64)
    assert len(store) == 18
    for i, (path, label) in enumerate(dataset.samples):
        with Image.open(path) as image:
            expected = np.asarray(resize(image.convert("RGB"), [64], antialias=True))
        assert np.array_equal(store[i], expected)
        assert store.labels[i] == label
        assert min(store[i].shape[:2]) == 64
    with pytest.raises(ValueError, match="read-only"):
        store[0][0, 0, 0] = 1


def test_offsets_address_the_pixels_laid_end_to_end(images: Path) -> None:
    """Image i starts at offset i of all pixels, over the borders of record batches."""
    store = PixelStore.of(Caltech101(images), 64)
    flat = np.concatenate([store[i].ravel() for i in range(len(store))])
    assert store.nbytes == len(flat)
    for i in range(len(store)):
        start, size = store.offsets[i], store.heights[i] * store.widths[i] * 3
        assert np.array_equal(flat[start : start + size], store[i].ravel())


def test_more_images_than_a_record_batch_holds(tmp_path: Path) -> None:
    """Several record batches read like one."""
    for i in range(300):
        save_image(tmp_path / "few" / f"{i:03d}.png", np.full((4, 5, 3), i % 256, np.uint8))
    store = PixelStore.of(Caltech101(tmp_path), 4)
    assert [int(store[i][0, 0, 0]) for i in (0, 255, 256, 299)] == [0, 255, 0, 43]


def test_a_record_batch_of_large_images_holds_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what is expected of the short side and by what comes, so that a build takes no more memory."""
    assert [rows_at_once(side) for side in (32, 256, 512, 1024, 8192)] == [256, 256, 64, 16, 1]
    monkeypatch.setattr("data_utils.pixel_store.BYTES_AT_ONCE", 200)
    for i in range(10):
        save_image(tmp_path / "few" / f"{i}.png", np.full((4, 5 + 20 * (i == 6), 3), i, np.uint8))
    store = PixelStore.of(Caltech101(tmp_path), 4)
    assert [len(chunk) // 60 for _, chunk in store.chunks()] == [4, 7, 3]
    assert [int(store[i][0, 0, 0]) for i in range(10)] == list(range(10))


def test_a_folder_of_a_long_name_has_a_store(images: Path) -> None:
    """Though the store's file is called after it, with more behind."""
    root = images.with_name("花" * 80)
    images.rename(root)
    path = PixelStore.of(Caltech101(root), 40).path
    assert path.name.startswith("花" * 33 + "-40-")


def test_files_that_this_user_may_not_read_are_all_named() -> None:
    """Before any is decoded; root, who may read all, looks as another user."""
    with TemporaryDirectory() as folder:  # pytest's own are in one that is the user's alone
        os.chmod(folder, 0o755)
        images = write_images(Path(folder, "images"))
        dataset = Caltech101(images)
        secret = [images / "ant" / "1.jpg", images / "cat" / "5.jpg"]
        for path in secret:
            path.chmod(0)
        user = os.getuid()
        os.setresuid(*(user or 65534,) * 2, user)
        try:
            with pytest.raises(InputError) as raised:
                next(decode_all(dataset, 64))
        finally:
            os.setresuid(user, user, user)
    rule = "may not be read by this user; let it, or take the image out"
    assert raised.value.problems == tuple(f"{path} {rule}" for path in secret)


def test_files_that_are_gone_are_all_named(images: Path) -> None:
    """When the store is asked for."""
    dataset = Caltech101(images)
    for name in ("ant/1.jpg", "cat/5.jpg"):
        (images / name).unlink()
    with pytest.raises(InputError) as raised:
        PixelStore.of(dataset, 64)
    rule = "cannot be read: No such file or directory; restore it or take it out"
    assert raised.value.problems == (f"ant/1.jpg {rule}", f"cat/5.jpg {rule}")


def test_the_resize_is_close_to_torchvisions_on_tensors(images: Path) -> None:
    """Within 1 of 255 in the mean and 6 at most of `Resize(antialias=True)` on the decoded image."""
    dataset = Caltech101(images)
    store = PixelStore.of(dataset, 50)
    for i, (path, _) in enumerate(dataset.samples):
        with Image.open(path) as image:
            reference = resize(pil_to_tensor(image.convert("RGB")), [50], antialias=True)
        difference = (torch.from_numpy(store[i].copy()).permute(2, 0, 1).int() - reference.int()).abs()
        assert difference.float().mean() <= 1
        assert difference.max() <= 6


def test_a_second_opening_decodes_nothing(images: Path) -> None:
    """The file is used as it stands."""
    dataset = Caltech101(images)
    first = PixelStore.of(dataset, 64)
    written = first.path.stat().st_mtime_ns
    done: list[tuple[int, int]] = []
    again = PixelStore.of(dataset, 64, lambda *progress: done.append(progress))
    assert again.path.stat().st_mtime_ns == written
    assert done == []


def test_progress_counts_to_the_end(images: Path) -> None:
    """Building tells how far it is."""
    done: list[tuple[int, int]] = []
    PixelStore.of(Caltech101(images), 31, lambda *progress: done.append(progress))
    assert done[-1] == (18, 18)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_torn_store_is_rebuilt(images: Path, keep: float) -> None:
    """A store cut off anywhere is never read."""
    dataset = Caltech101(images)
    store = PixelStore.of(dataset, 33)
    expected = store[5].copy()
    path = store.path
    os.truncate(path, int(path.stat().st_size * keep))
    assert np.array_equal(PixelStore.of(dataset, 33)[5], expected)


def test_a_changed_file_makes_another_store(images: Path) -> None:
    """The key follows size and time of every file, and the resize."""
    dataset = Caltech101(images)
    before = store_key(dataset, 64)
    assert before != store_key(dataset, 65)
    os.utime(images / "ant" / "0.jpg", ns=(1, 1))
    assert before != store_key(dataset, 64)


def test_images_that_cannot_be_decoded_are_recorded(images: Path) -> None:
    """A cut-off file, one that is no image, and one of impossible sides have errors; the others have their pixels."""
    whole = (images / "ant" / "1.jpg").read_bytes()
    (images / "ant" / "1.jpg").write_bytes(whole[: len(whole) // 2])
    (images / "bee" / "0.jpg").write_bytes(b"no image at all")
    Image.new("RGB", (1, 60_000)).save(images / "cat" / "0.jpg")
    store = PixelStore.of(Caltech101(images), 64)
    assert sorted(store.errors) == [1, 6, 12]
    assert "truncated" in store.errors[1]
    assert "cannot identify image" in store.errors[6]
    with pytest.raises(KeyError, match=r"ant/1\.jpg"):
        store[1]
    assert store[2].shape[0] >= 64


def test_two_that_ask_at_once_build_once(images: Path) -> None:
    """The second waits for the first and reads what it built."""
    dataset = Caltech101(images)
    built: list[int] = []
    threads = [
        threading.Thread(target=lambda: PixelStore.of(dataset, 40, lambda done, _: built.append(done)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [18]


def test_a_flipped_bit_anywhere_but_in_the_pixels_is_noticed(tmp_path: Path) -> None:
    """Of a name, a size, the schema, the footer: the store is built again, and is the one it was."""
    for place in range(3):
        save_image(tmp_path / "few" / f"{place}.png", np.full((4, 5, 3), place, np.uint8))
    dataset = Caltech101(tmp_path)
    store = PixelStore.of(dataset, 4)
    whole = store.path.read_bytes()
    pixels = whole.index(bytes(60) + b"\1" * 60 + b"\2" * 60)
    places = [i for i in range(0, len(whole), 7) if not pixels <= i < pixels + 180]
    for place in places:
        store.path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises((ValueError, OSError)):
            PixelStore(store.path)
    again = PixelStore.of(dataset, 4)
    assert again.path.read_bytes() == whole
