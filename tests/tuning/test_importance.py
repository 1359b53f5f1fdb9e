"""Importances where it is known what matters."""

import numpy as np
import pandas as pd

from tuning.importance import importance

RNG = np.random.default_rng(0)
COLUMNS = pd.DataFrame(
    {
        "config_noise": RNG.permutation(30),
        "config_lr": np.repeat([0.1, 0.01, 0.001], 10),
        "config_same": 1,
    }
)


def test_what_decides_comes_first() -> None:
    """Accuracy hangs on lr alone; what never varies is not asked about."""
    accuracies = COLUMNS["config_lr"].map({0.1: 0.2, 0.01: 0.9, 0.001: 0.6})
    found = importance(COLUMNS, accuracies)
    assert found is not None
    assert found.names == ["config_lr", "config_noise"]
    assert found.means[0] > 0.1 > 0.02 > abs(found.means[1])
    assert found.tells
    assert found.trials == 30
    assert importance(COLUMNS, accuracies) == found, "seeded"


def test_a_forest_that_predicts_nothing_says_so() -> None:
    """Accuracies that hang on nothing: the mean of the others is the better guess."""
    found = importance(COLUMNS, pd.Series(np.random.default_rng(1).uniform(0, 1, 30)))
    assert found is not None
    assert not found.tells


def test_too_few_trials_say_nothing() -> None:
    """Ten with an accuracy are needed, a hyperparameter that varies, and accuracies that differ."""
    few = pd.Series([0.1 * (i % 3) if i < 9 else None for i in range(30)])
    assert importance(COLUMNS, few) is None
    assert importance(COLUMNS[["config_same"]], pd.Series(np.linspace(0, 1, 30))) is None
    assert importance(COLUMNS, pd.Series([0.5] * 30)) is None
