"""Which hyperparameters mattered: a random forest over the trials, asked on trials that it has not seen."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tuning.scale import Scale

FEWEST_TRIALS = 10
"""With an accuracy; fewer say nothing."""
FOLDS, TREES, SHUFFLES = 5, 50, 10


@dataclass(frozen=True)
class Importance:
    """How much accuracy hangs on each hyperparameter; all numbers are shares of 1, as accuracies are."""

    names: list[str]
    """The hyperparameters, the most important first."""
    means: list[float]
    """By how much the forest's mean absolute error on unseen trials rises when the column is shuffled."""
    deviations: list[float]
    """Standard deviation of that over folds and shuffles."""
    error: float
    """The forest's mean absolute error on unseen trials."""
    error_of_mean: float
    """The same of a guess that knows no hyperparameter: the mean of the seen trials."""
    trials: int

    @property
    def tells(self) -> bool:
        """Whether the forest predicts better than the mean does; otherwise its importances mean nothing."""
        return self.error < self.error_of_mean


def importance(columns: pd.DataFrame, accuracies: pd.Series, seed: int = 0) -> Importance | None:
    """Return the permutation importance of hyperparameters, or None with too few trials or nothing that varies.

    In each of five folds a forest learns from the other four, and is asked about the fold with one column shuffled.

    Args:
        columns: a column a hyperparameter, a row a trial.
        accuracies: each trial's best validation accuracy; trials without one are left out.
        seed: of folds, trees and shuffles.
    """
    known = accuracies.notna()
    columns, target = columns[known], accuracies[known].to_numpy(dtype=float)
    names = [str(name) for name in columns if columns[name].nunique(dropna=False) > 1]
    if len(target) < FEWEST_TRIALS or not names or np.ptp(target) == 0:
        return None
    inputs = np.column_stack([Scale.of(columns[name].tolist()).positions for name in names])
    rises, errors, errors_of_mean = _fold_errors(inputs, target, seed)
    means, deviations = rises.mean(axis=1), rises.std(axis=1)
    order = sorted(range(len(names)), key=lambda i: (-means[i], names[i]))
    return Importance(
        names=[names[i] for i in order],
        means=[float(means[i]) for i in order],
        deviations=[float(deviations[i]) for i in order],
        error=float(np.mean(errors)),
        error_of_mean=float(np.mean(errors_of_mean)),
        trials=len(target),
    )


def _fold_errors(
    inputs: npt.NDArray[np.float64], target: npt.NDArray[np.float64], seed: int
) -> tuple[npt.NDArray[np.float64], list[float], list[float]]:
    """Return the rises of error as (hyperparameters, folds x shuffles), and each trial's two errors."""
    from sklearn.ensemble import RandomForestRegressor  # slow to import, and needed by large sweeps alone
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import KFold

    rises, errors, errors_of_mean = [], [], []
    for seen, unseen in KFold(FOLDS, shuffle=True, random_state=seed).split(inputs):
        forest = RandomForestRegressor(TREES, random_state=seed).fit(inputs[seen], target[seen])
        rises.append(
            permutation_importance(
                forest,
                inputs[unseen],
                target[unseen],
                scoring="neg_mean_absolute_error",
                n_repeats=SHUFFLES,
                random_state=seed,
            ).importances
        )
        errors += list(np.abs(forest.predict(inputs[unseen]) - target[unseen]))
        errors_of_mean += list(np.abs(target[seen].mean() - target[unseen]))
    return np.concatenate(rises, axis=1), errors, errors_of_mean
