"""Tables of many sweeps: which files are found, when they are opened, and what may happen to them meanwhile."""

import struct
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_utils.errors import InputError
from tests.tuning.rows import curve
from tests.tuning.sweeps import write_sweep
from tuning.results import load, write_epochs

NO_PARQUET = b"PAR1 and no more"


def write_curve(folder: Path, *accuracies: float | None) -> None:
    """Write a sweep that has epochs of one trial and nothing else yet."""
    folder.mkdir(parents=True, exist_ok=True)
    write_epochs(folder, curve(0, *accuracies, sweep=folder.name))


def sweeps(root: Path, pattern: str | None = None) -> list[str]:
    """Return the sweeps whose epochs are read."""
    return list(load(root, pattern).read("epochs")["sweep"].unique())


def test_a_tree_is_read_in_the_order_of_its_folders(tmp_path: Path) -> None:
    """At any depth; neither hidden folders nor Ray's, though a sweep may be called `ray`."""
    for place in ("b", "deep/er/a", "ray", "b/ray", "b/ray/trial_00000", ".old"):
        write_curve(tmp_path / place, 0.5)
    write_curve(tmp_path / "b/ray/trial_00001", 0.5)
    assert sweeps(tmp_path) == ["b", "a", "ray"]
    write_curve(tmp_path / "b" / "inner", 0.5)
    assert sweeps(tmp_path) == ["b", "inner", "a", "ray"]
    assert sweeps(tmp_path / "b") == ["b"]  # a sweep's own folder is that sweep alone


def test_sweeps_are_chosen_by_name_before_any_file_is_opened(tmp_path: Path) -> None:
    """A broken file of another sweep does not matter; case does."""
    write_curve(tmp_path / "alexnet-1", 0.5)
    write_curve(tmp_path / "alexnet-2", 0.5)
    write_curve(tmp_path / "Alexnet-3", 0.5)
    write_curve(tmp_path / "vgg11", 0.5)
    (tmp_path / "vgg11" / "epochs.parquet").write_bytes(NO_PARQUET)
    assert sweeps(tmp_path, "alexnet-*") == ["alexnet-1", "alexnet-2"]
    assert sweeps(tmp_path / "alexnet-1", "alexnet-?") == ["alexnet-1"]
    with pytest.raises(
        InputError, match=r"no sweep matches 'resnet'; there is Alexnet-3, alexnet-1, alexnet-2, vgg11"
    ):
        load(tmp_path, "resnet")


def test_a_table_is_opened_when_it_is_asked_for_and_once(tmp_path: Path) -> None:
    """So a broken table does not keep others from being read; all broken files are named at once."""
    for name in ("a", "b", "c"):
        write_curve(tmp_path / name, 0.5)
        (tmp_path / name / "trials.parquet").write_bytes(NO_PARQUET)
    frames = load(tmp_path)
    assert frames.epochs is not None
    assert frames.epochs is frames.epochs
    with pytest.raises(InputError) as caught:
        _ = frames.trials
    assert len(caught.value.problems) == 3
    assert f"{tmp_path}/b/trials.parquet: cannot be read as Parquet" in caught.value.problems[1]


def test_one_broken_file_among_whole_ones_is_named(tmp_path: Path) -> None:
    """By its path alone."""
    write_curve(tmp_path / "a", 0.5)
    write_curve(tmp_path / "b", 0.5)
    (tmp_path / "b" / "epochs.parquet").write_bytes(NO_PARQUET)
    with pytest.raises(InputError) as caught:
        _ = load(tmp_path).epochs
    assert caught.value.subject == f"{tmp_path}/b/epochs.parquet"


def test_columns_and_filters(tmp_path: Path) -> None:
    """As pandas has them, or a pyarrow expression; no match gives no rows, not None."""
    write_curve(tmp_path / "a", 0.1, 0.2, 0.3)
    write_curve(tmp_path / "b", 0.4, None)
    frames = load(tmp_path)
    early = frames.read(
        "epochs", columns=["epoch", "sweep"], filters=[("epoch", "<", 3), ("sweep", "==", "a")]
    )
    assert list(early.columns) == ["epoch", "sweep"]
    assert early["epoch"].tolist() == [1, 2]
    good = frames.read("epochs", filters=pc.field("val_accuracy") > 0.25)
    assert good["val_accuracy"].tolist() == [0.3, 0.4]
    assert len(frames.read("epochs", filters=[("epoch", ">", 99)])) == 0


def test_the_folder_of_each_row_is_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to what was loaded, however that was given; a filter by it opens no other file."""
    write_curve(tmp_path / "x y" / "twin", 0.1, 0.2)
    write_curve(tmp_path / "z" / "twin", 0.3)
    monkeypatch.chdir(tmp_path)
    for root in (tmp_path, ".", f"{tmp_path}/"):
        assert load(root).read("epochs")["folder"].tolist() == ["x y/twin", "x y/twin", "z/twin"]
    assert load("z").read("epochs")["folder"].tolist() == ["twin"]
    assert load("x y/twin").read("epochs")["folder"].tolist() == [".", "."]
    frames = load(".")
    found = frames.read("epochs", columns=["folder", "epoch"], filters=[("folder", "==", "z/twin")])
    assert found.to_numpy().tolist() == [["z/twin", 1]]
    (tmp_path / "z" / "twin" / "epochs.parquet").write_bytes(NO_PARQUET)
    assert len(frames.read("epochs", filters=[("folder", "!=", "z/twin")])) == 2


def test_a_selection_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """Table, column, filter; each with what there is."""
    write_curve(tmp_path, 0.1)
    frames = load(tmp_path)
    with pytest.raises(
        InputError, match="'epoch': no such table; there are epochs, trials, test, predictions"
    ):
        frames.read("epoch")
    with pytest.raises(InputError, match=r"accuracy.*its columns are sweep, trial, epoch"):
        frames.read("epochs", columns=["accuracy"])
    with pytest.raises(InputError, match=r"its columns are sweep, trial, epoch"):
        frames.read("epochs", filters=[("epoch", ">", "ten")])
    with pytest.raises(InputError, match=r"is no filter .*give \[\(column, '>', value\)"):
        frames.read("epochs", filters=[("epoch", ">")])


def test_a_table_that_no_sweep_has(tmp_path: Path) -> None:
    """None as an attribute, without rows to read, a Dataset of no files; without rows it is None, too."""
    write_curve(tmp_path / "a", 0.1)
    write_curve(tmp_path / "b")
    frames = load(tmp_path)
    assert frames.trials is None
    assert len(frames.read("trials")) == 0
    assert frames.scan("trials").count_rows() == 0
    assert load(tmp_path / "b").epochs is None


def test_a_dataset_for_queries_of_ones_own(tmp_path: Path) -> None:
    """Over all files, by our schema."""
    write_curve(tmp_path / "a", 0.1, 0.2)
    write_curve(tmp_path / "b", 0.4)
    scanned = load(tmp_path).scan("epochs")
    assert scanned.count_rows(filter=pc.field("epoch") == 1) == 2
    assert scanned.schema.field("trial").type == pa.int32()


def test_a_column_that_an_older_file_lacks_is_null(tmp_path: Path) -> None:
    """And one of another width is read as today's."""
    write_curve(tmp_path / "new", 0.1)
    write_curve(tmp_path / "old", 0.1)
    path = tmp_path / "old" / "epochs.parquet"
    table = pq.read_table(path).drop_columns("images_per_second")
    pq.write_table(table.set_column(1, "trial", table["trial"].cast(pa.int64())), path)
    epochs = load(tmp_path).epochs
    assert epochs is not None
    assert epochs["images_per_second"].isna().tolist() == [False, True]
    assert epochs["trial"].dtype == "int32"


def test_a_file_that_goes_or_is_replaced_after_the_walk(tmp_path: Path) -> None:
    """It counts as never there, or as it is when opened."""
    for name in ("a", "b", "c"):
        write_curve(tmp_path / name, 0.1)
    frames = load(tmp_path)
    (tmp_path / "a" / "epochs.parquet").unlink()
    write_curve(tmp_path / "b", 0.1, 0.2)
    assert frames.epochs is not None
    assert list(zip(frames.epochs["sweep"], frames.epochs["epoch"], strict=True)) == [
        ("b", 1),
        ("b", 2),
        ("c", 1),
    ]


def test_a_running_sweep_is_whole_at_every_look(tmp_path: Path) -> None:
    """While another thread rewrites its epochs and drops and makes other sweeps: all rows of some state, never a mixture."""
    write_curve(tmp_path / "done", 0.1)
    write_curve(tmp_path / "running", 0.1)
    states = {n: [0.1 * n] * n for n in (1, 2, 300)}  # every row says how many there are
    stop, failures = threading.Event(), list[BaseException]()

    def rewrite() -> None:
        try:
            while not stop.is_set():
                for state in states.values():
                    write_curve(tmp_path / "running", *state)
                (tmp_path / "running" / "epochs.parquet").unlink()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=rewrite)
    thread.start()
    seen = set()
    try:
        for _ in range(100):
            frames = load(tmp_path)
            epochs = frames.epochs
            assert epochs is not None
            running = epochs[epochs["sweep"] == "running"]
            seen.add(len(running))
            if len(running):
                assert running["val_accuracy"].tolist() == states[len(running)]
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert len(seen) > 1


def test_a_flipped_bit_and_rows_of_nothing_are_named(tmp_path: Path) -> None:
    """A table with the right form and other numbers has another checksum; a null in a key names no row."""
    write_sweep(tmp_path / "s", trials=2, epochs=3)
    path = tmp_path / "s" / "epochs.parquet"
    whole = path.read_bytes()
    place = whole.index(struct.pack("<d", 0.1))  # lr, which is in a dictionary page
    path.write_bytes(whole[:place] + b"\x9b" + whole[place + 1 :])
    with pytest.raises(InputError, match=r"epochs\.parquet: cannot be read as Parquet: .*CRC checksum"):
        load(tmp_path / "s").read("epochs")
    table = pq.read_table(tmp_path / "s" / "trials.parquet")
    pq.write_table(table.drop_columns(["outcome"]), tmp_path / "s" / "trials.parquet")
    with pytest.raises(InputError, match=r"trials\.parquet: .*it has rows without outcome"):
        load(tmp_path / "s").read("trials")
