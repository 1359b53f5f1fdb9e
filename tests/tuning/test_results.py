"""The tables: explicit types whatever the rows, whole or absent, and back as dataframes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_utils.errors import InputError
from tests.tuning.rows import curve, specs
from tuning.config import StopSettings
from tuning.files import aside
from tuning.records import trial_row
from tuning.results import load, over_seeds, write_epochs, write_predictions, write_test, write_trials
from tuning.retrain import Retrained
from tuning.space import TUNABLE

RETRAINED = Retrained(
    seed=3, epochs=2, train_images=8, split_digest="d", classes=["ant", "bee"], paths=["ant/0.jpg", "bee/0.jpg"],
    labels=np.array([0, 1]), probabilities=np.array([[0.75, 0.25], [0.5, 0.5]], np.float32), loss=None,
    accuracy=0.5, mean_class_accuracy=0.5, versions={"torch": "2"}, state={},
)  # fmt: skip


CONFIG = [f"config_{name}" for name in TUNABLE if name != "seed"]


def write_all(folder: Path) -> None:
    """Write a sweep's four tables."""
    folder.mkdir(parents=True, exist_ok=True)
    write_epochs(folder, curve(0, 0.5, None) + curve(1, 0.25))
    rows = [
        trial_row(
            s, curve(s.index, 0.5), sweep="s", stop=StopSettings(), max_epochs=1, worker=None, error=None
        )
        for s in specs()
    ]
    write_trials(folder, rows)
    retrained = [replace(RETRAINED, epochs=1)]
    write_test(folder, "s", specs()[0], retrained)
    write_predictions(folder, "s", retrained)


def test_the_tables_have_the_promised_columns(tmp_path: Path) -> None:
    """At least those of the design, in its order."""
    write_all(tmp_path)
    assert pq.read_schema(tmp_path / "epochs.parquet").names == [
        "sweep", "trial", "epoch", "lr", "train_loss", "val_loss", "val_accuracy", "diverged", "seconds",
        "images_per_second", "computed_by",
    ]  # fmt: skip
    assert pq.read_schema(tmp_path / "trials.parquet").names == [
        "sweep", "trial", *CONFIG, "outcome", "stop_reason", "epochs_run", "best_epoch",
        "best_val_accuracy", "seconds", "seconds_start", "seconds_train", "seconds_validate", "seconds_data",
        "seconds_checkpoint", "seed", "host", "device", "error",
    ]  # fmt: skip
    assert pq.read_schema(tmp_path / "test.parquet").names == [
        "sweep", "trial", *CONFIG, "epochs", "seed", "test_accuracy",
        "test_mean_class_accuracy", "test_loss", "test_accuracy_mean", "test_accuracy_std", "train_images", "split_digest", "versions",
    ]  # fmt: skip
    assert pq.read_schema(tmp_path / "predictions.parquet").names == [
        "sweep", "seed", "path", "label", "predicted", "probability", "top5", "top5_probability",
    ]  # fmt: skip


def test_losses_that_are_not_finite_are_null(tmp_path: Path) -> None:
    """Null, not NaN, and the column's type does not change when all are."""
    write_epochs(tmp_path, curve(0, None))
    column = pq.read_table(tmp_path / "epochs.parquet")["train_loss"]
    assert column.null_count == 1
    assert column.type == pa.float64()


def test_every_hyperparameter_is_a_column_searched_or_not(tmp_path: Path) -> None:
    """With the value that the trial really had, so that sweeps can be told apart; whole numbers stay whole."""
    write_all(tmp_path)
    trials = load(tmp_path).trials
    assert trials is not None
    assert trials["config_lr"].tolist() == [0.1, 0.05]
    assert trials["config_momentum"].tolist() == [0.9, 0.9]
    assert trials["config_batch_size"].tolist() == [256, 256]
    assert trials["config_freeze"].isna().all()


def test_predictions_name_the_likeliest_classes_first(tmp_path: Path) -> None:
    """Of equals the earlier class; fewer than five classes give fewer."""
    write_all(tmp_path)
    frames = load(tmp_path)
    assert frames.predictions is not None
    assert frames.predictions["predicted"].tolist() == ["ant", "ant"]
    assert frames.predictions["top5"].map(list).tolist() == [["ant", "bee"], ["ant", "bee"]]
    assert frames.predictions["probability"].tolist() == [0.75, 0.5]


def test_the_mean_over_seeds_stands_in_every_row(tmp_path: Path) -> None:
    """0.5 and 0.6: mean 0.55, sample standard deviation 0.05 * sqrt(2); a single one has no deviation."""
    write_test(tmp_path, "s", specs()[0], [RETRAINED, replace(RETRAINED, seed=4, accuracy=0.6)])
    table = pq.read_table(tmp_path / "test.parquet").to_pydict()
    assert table["test_accuracy_mean"] == pytest.approx([0.55, 0.55])
    assert table["test_accuracy_std"] == pytest.approx([0.0707107, 0.0707107])
    assert over_seeds([0.5]) == (0.5, None)


def test_one_sweep_or_a_folder_of_sweeps(tmp_path: Path) -> None:
    """Rows of all sweeps below are one frame; a table that none has is None."""
    write_all(tmp_path / "runs" / "a")
    write_all(tmp_path / "runs" / "b")
    (tmp_path / "runs" / "b" / "test.parquet").unlink()
    one, both = load(tmp_path / "runs" / "b"), load(tmp_path / "runs")
    assert one.test is None
    assert one.epochs is not None
    assert both.epochs is not None
    assert (len(one.epochs), len(both.epochs)) == (3, 6)
    assert both.test is not None
    assert len(both.test) == 1


def test_what_holds_no_tables_is_named(tmp_path: Path) -> None:
    """A missing folder, an empty one, and a table that is none."""
    with pytest.raises(InputError, match="no such folder"):
        load(tmp_path / "none")
    with pytest.raises(InputError, match="holds no sweep's tables"):
        load(tmp_path)
    (tmp_path / "sweep.yaml").touch()
    with pytest.raises(InputError, match="has no tables yet: they come with its first epoch"):
        load(tmp_path)
    (tmp_path / "epochs.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"epochs\.parquet: cannot be read as Parquet"):
        load(tmp_path)


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path) -> None:
    """Nothing half written is ever under a table's name, and nothing is left beside it."""
    path = tmp_path / "file"
    path.write_text("old")

    def fail() -> None:
        with aside(path) as part:
            part.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
