"""Figures of a predicted value, such as the share of a loan that is lost."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, Metric, keyed, values_and_predictions


def mae(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean absolute error, in the unit of ``y``; the median minimises it.

    Parameters
    ----------
    y, prediction : array-like of shape (n,)
        Observed and predicted values.
    """
    observed, predicted = values_and_predictions(y, prediction)
    return float(np.abs(observed - predicted).mean())


def rmse(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Root of the mean squared error, in the unit of ``y``; the mean minimises it."""
    observed, predicted = values_and_predictions(y, prediction)
    return math.sqrt(float(np.mean((observed - predicted) ** 2)))


def r2(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Share of the variance explained: 1 - squared errors over squared distances from the mean of ``y``.

    Returns
    -------
    float
        At most 1; below 0 where the mean of these very rows would have been better; NaN where ``y`` is
        constant.
    """
    observed, predicted = values_and_predictions(y, prediction)
    spread = float(np.sum((observed - observed.mean()) ** 2))
    if observed.min() == observed.max():
        return math.nan
    return 1.0 - float(np.sum((observed - predicted) ** 2)) / spread


def midranks(values: npt.ArrayLike) -> Floats:
    """Return ranks from 1, equal values sharing the mean of theirs; shape (n,)."""
    values = np.asarray(values, dtype=np.float64)
    order = np.argsort(values)
    ranked = values[order]
    new = np.append(True, ranked[1:] != ranked[:-1])
    starts = np.append(np.flatnonzero(new), len(values))
    group = np.cumsum(new) - 1
    ranks = np.empty(len(values))
    ranks[order] = (0.5 * (starts[:-1] + starts[1:] + 1))[group]
    return ranks


def spearman(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Rank correlation: Pearson's of the midranks, -1 to 1; NaN where either is constant.

    References
    ----------
    Spearman (1904), "The proof and measurement of association between two things".
    """
    observed, predicted = values_and_predictions(y, prediction)
    a, b = midranks(observed), midranks(predicted)
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale else math.nan


def bias(y: npt.ArrayLike, prediction: npt.ArrayLike) -> float:
    """Mean of prediction minus observation: above 0, the predictions are too high on the whole."""
    observed, predicted = values_and_predictions(y, prediction)
    return float(np.mean(predicted - observed))


def skill(y: npt.ArrayLike, prediction: npt.ArrayLike, reference: float) -> float:
    """Share of squared error saved against one answer for all rows, such as the mean of the training rows.

    Parameters
    ----------
    y, prediction : array-like of shape (n,)
    reference : float
        The answer to compare with. R squared compares with the mean of ``y``, which nobody knew.

    Returns
    -------
    float
        At most 1; below 0 where the reference was better; NaN where the reference makes no error.
    """
    observed, predicted = values_and_predictions(y, prediction)
    spread = float(np.sum((observed - reference) ** 2))
    return 1.0 - float(np.sum((observed - predicted) ** 2)) / spread if spread else math.nan


def pinball(y: npt.ArrayLike, quantile: npt.ArrayLike, level: float) -> float:
    """Mean pinball loss of a predicted quantile, in the unit of ``y``; the true quantile minimises it.

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles", Econometrica 46.
    """
    observed, predicted = values_and_predictions(y, quantile)
    return float(np.mean(pinball_losses(observed - predicted, level)))


def pinball_losses(gap: Floats, level: Floats | float) -> Floats:
    """Return the pinball loss of each gap, what came minus the quantile; shapes broadcast."""
    return np.maximum(level * gap, (level - 1) * gap)


def covered(y: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return for each row whether the observation lies in the interval, ends included; shape (n,)."""
    observed, below = values_and_predictions(y, low)
    observed, above = values_and_predictions(y, high)
    return np.asarray((observed >= below) & (observed <= above))


REGRESSION: dict[str, Metric] = keyed(
    (
        Metric("mae", "Mean absolute error", False, mae),
        Metric("rmse", "Root mean squared error", False, rmse),
        Metric("r2", "R squared", True, r2),
        Metric("spearman", "Rank correlation", True, spearman),
    )
)
"""Every figure of a predicted value, by name."""
