"""Figures of expected counts and amounts over a horizon, such as purchases in the next 39 weeks.

Most customers of a horizon do nothing, so figures that zeros win (MAE) or that ties inflate (rank
correlation) are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, Metric, keyed, values_and_predictions
from bezant.metrics.classification import roc_auc
from bezant.metrics.regression import midranks, rmse
from bezant.types import InputError

DECILES = 10


def total_error(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Return the predicted total over the observed one, less 1: -0.15 is 15 % too little.

    Parameters
    ----------
    y, prediction : array-like of shape (n,)
        Observed and expected counts or amounts.

    Returns
    -------
    float
        NaN where the observed total is 0.
    """
    observed, expected = values_and_predictions(y, prediction)
    total = float(observed.sum())
    return float(expected.sum()) / total - 1.0 if total else math.nan


def poisson_deviance(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Return the mean Poisson deviance, 2 (y log(y / m) - y + m), of predictions m; the mean minimises it.

    Returns
    -------
    float
        0 for a perfect prediction; infinite where 0 was predicted and something happened.

    Raises
    ------
    InputError
        If a value is negative.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized linear models", section 2.3.
    """
    observed, expected = values_and_predictions(y, prediction)
    for values, name in ((observed, "observed value"), (expected, "prediction")):
        if (values < 0).any():
            raise InputError(
                f"The {name} is negative in {int((values < 0).sum())} of {len(values)} rows; a count is not."
            )
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(observed > 0, observed * np.log(observed / expected), 0.0)
    return float(2.0 * np.mean(logs - observed + expected))


@dataclass(frozen=True)
class CountCalibration:
    """Predicted and observed means by tenth of the prediction, lowest first.

    Attributes
    ----------
    rows : int array of shape (b,)
        Customers of each part; parts that equal predictions leave empty are not there.
    predicted, observed : float array of shape (b,)
        Means.
    """

    rows: npt.NDArray[np.int64]
    predicted: Floats
    observed: Floats

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.predicted) == len(self.observed) or (self.rows < 1).any():
            raise InputError("Every part needs its customers, a predicted and an observed mean.")

    @property
    def error(self) -> float:
        """Mean absolute difference of the parts, by their rows, over the observed mean; NaN if that is 0."""
        mean = float(np.average(self.observed, weights=self.rows))
        gaps = float(np.average(np.abs(self.predicted - self.observed), weights=self.rows))
        return gaps / mean if mean else math.nan


def decile_calibration(y: npt.ArrayLike, prediction: npt.ArrayLike, parts: int = DECILES) -> CountCalibration:
    """Compare predicted and observed means by tenth of the prediction; equal predictions stay together.

    Parameters
    ----------
    y, prediction : array-like of shape (n,)
    parts : int, default 10
    """
    observed, expected = values_and_predictions(y, prediction)
    if parts < 1:
        raise InputError(f"{parts} parts are none; give at least 1.")
    part = ((midranks(expected) - 0.5) * parts / len(expected)).astype(np.int64)
    rows = np.bincount(part, minlength=parts)
    held = rows > 0
    sums = [np.bincount(part, values, minlength=parts)[held] for values in (expected, observed)]
    return CountCalibration(rows[held], sums[0] / rows[held], sums[1] / rows[held])


def calibration_error(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Return :attr:`CountCalibration.error` of ten parts: 0.1 is a tenth of the mean."""
    return decile_calibration(y, prediction).error


def activity_auc(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the area under the ROC curve of having done anything at all (``y`` above 0).

    Parameters
    ----------
    y : array-like of shape (n,)
        Counts or amounts.
    score : array-like of shape (n,)
        The probability of being active, or an expected count.
    """
    observed, scores = values_and_predictions(y, score)
    return roc_auc(observed > 0, scores)


COUNTS: dict[str, Metric] = keyed(
    (
        Metric("rmse", "Root mean squared error", False, rmse),
        Metric("total_error", "Error of the total", None, total_error, ideal=0.0),
        Metric("poisson_deviance", "Poisson deviance", False, poisson_deviance),
        Metric("calibration_error", "Calibration error by tenths", False, calibration_error),
        Metric("activity_auc", "AUC of being active", True, activity_auc),
    )
)
"""Every figure of an expected count, by name."""
