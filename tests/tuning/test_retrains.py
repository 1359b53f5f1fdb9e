"""What is kept of retrains, and what is left of another winner's."""

from pathlib import Path

import pytest

from tests.tuning.test_results import write_all
from tuning.retrains import Retrains

LEFT = ("test.parquet", "predictions.parquet", "model.safetensors", "model.json")


@pytest.mark.parametrize(("trial", "epochs", "stays"), [(0, 1, True), (1, 1, False), (0, 3, False)])
def test_the_test_and_the_model_of_another_winner_go(
    tmp_path: Path, trial: int, epochs: int, stays: bool
) -> None:
    """Of another trial or another epoch; the rows of the trials stay."""
    write_all(tmp_path)  # tested: trial 0 after 1 epoch
    for name in ("model.safetensors", "model.json"):
        (tmp_path / name).touch()
    Retrains(tmp_path, trial, epochs).drop_others()
    assert [(tmp_path / name).exists() for name in LEFT] == [stays] * 4
    assert (tmp_path / "trials.parquet").exists()
