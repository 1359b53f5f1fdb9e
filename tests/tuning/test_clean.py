"""`upsweep clean`: what only a resume needs goes, what a person reads stays."""

from pathlib import Path

import pytest

from data_utils.errors import InputError
from data_utils.file_access import files_below, send
from data_utils.places import s3_place, under
from data_utils.sealed_json import sealed
from tests.conftest import Run
from tests.s3_server import S3Server
from tests.tuning.test_cli import said
from tuning.clean import clean
from tuning.ending import Ending, write_ending
from tuning.remains import JOURNAL, SHARED


def ran(folder: Path) -> Path:
    """Write a folder as a sweep leaves it: two trials, the second of which is at epoch 7."""
    for name, size in {
        "sweep.yaml": 10, "epochs.parquet": 20, "ray/tuner.pkl": 1000, "ray/trial_00000/events.out.tfevents.1.host": 30,
        "ray/trial_00001/error.txt": 40, "ray/trial_00001/checkpoint_000000/learner.pt": 2_000_000,
        "ray/resumed_1/trial_00001/params.pkl": 500, "shared/trial_00000_epoch_00002.pt": 400_000,
        "journal/settings.json": 100, "journal/trial_00000.json": 100, "journal/retrain_00000_00003_0.pt": 0,
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)
    for trial, epochs in ((0, 4), (1, 7)):
        (folder / "journal" / f"checkpoint_{trial:05d}.json").write_text(sealed({"epochs": epochs}))
    return folder


STAYS = {
    "sweep.yaml", "epochs.parquet", "ray/trial_00000/events.out.tfevents.1.host", "ray/trial_00001/error.txt",
}  # fmt: skip


def files(folder: Path) -> set[str]:
    """Return all files and empty folders of a folder."""
    paths = [path for path in folder.rglob("*") if path.is_file() or not any(path.iterdir())]
    return {str(path.relative_to(folder)) for path in paths}


def test_one_that_has_not_ended_well_needs_a_yes(tmp_path: Path) -> None:
    """With what will be lost."""
    folder = ran(tmp_path / "mine")
    before = files(folder)
    lost = "1 trial that ended; the checkpoints of trial 1 at epoch 7; the state of the retrain under way"
    with pytest.raises(
        InputError, match=f"would go on from this, which would be lost: {lost}; the tables stay"
    ):
        clean(folder)
    assert files(folder) == before
    assert clean(folder, anyway=True) > 2_401_700
    assert files(folder) == STAYS


def test_one_that_has_ended_well_asks_nothing(upsweep: Run, tmp_path: Path) -> None:
    """It says how much it freed; again, there is nothing; the folder of no sweep is refused."""
    folder = ran(tmp_path / "mine")
    for file in (folder / JOURNAL).iterdir():
        file.unlink()
    (folder / JOURNAL).rmdir()
    write_ending(folder, Ending(True, 0, 3, 10, 10, 10))
    done = upsweep("clean", folder)
    assert done.stdout == f"freed 2.4 MB of {folder}\n"
    assert files(folder) == STAYS | {"ended.json"}
    assert not (folder / SHARED).exists()
    assert upsweep("clean", folder).stdout == f"freed 0.0 MB of {folder}\n"
    assert "holds no sweep.yaml; give the folder of a sweep" in said(upsweep("clean", tmp_path))


def test_at_s3_the_same_goes_and_the_same_stays(s3: S3Server, tmp_path: Path) -> None:
    """One that has not ended well needs a yes there, too."""
    run = f"s3://bucket/{tmp_path.name}/mine"
    place = s3_place(run)
    folder = ran(tmp_path / "mine")
    for name in files_below(str(folder)):
        send(folder / name, under(place, *name.split("/")))
    before = files_below(place)
    with pytest.raises(InputError, match="5 files of its journal, and checkpoints; the tables stay; --yes"):
        clean(run)
    assert files_below(place) == before
    assert clean(run, anyway=True) > 2_401_700
    assert set(files_below(place)) == STAYS
    write_ending(folder, Ending(True, 0, 3, 10, 10, 10))
    send(folder / "ended.json", under(place, "ended.json"))
    assert clean(run) == 0
    with pytest.raises(InputError, match=r"holds no sweep\.yaml; give the address of a sweep"):
        clean(f"s3://bucket/{tmp_path.name}/none")
