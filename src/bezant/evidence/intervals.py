"""How sure a figure is: DeLong for areas, the normal interval for means and slopes, Wilson for rates.

The figures that have no such formula are in :mod:`bezant.evidence.bootstrap`.

Rows count as independent. Where one borrower has many rows, or all rows share a bad year, the true
uncertainty is wider than any interval here; that is what figures by year are for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, outcomes_and_probabilities, outcomes_and_scores
from bezant.metrics.classification import (
    logistic_recalibration,
    logits,
)
from bezant.metrics.curves import wilson_interval
from bezant.metrics.regression import midranks
from bezant.types import InputError


@dataclass(frozen=True)
class Estimate:
    """A figure and the interval around it.

    Parameters
    ----------
    value : float
        The figure; NaN where it does not exist (such as an AUC of rows of one class).
    low, high : float, default NaN
        The ends of the interval, in the figure's own unit; NaN where there is none.
    """

    value: float
    low: float = math.nan
    high: float = math.nan

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.low > self.value or self.value > self.high:
            raise InputError(
                f"An estimate of {self.value} cannot lie outside its interval {self.low} to {self.high}; "
                "widen the interval to hold it."
            )


@dataclass(frozen=True)
class PairedTest:
    """A difference between two models on the same rows, and how likely chance alone gives one as wide.

    Parameters
    ----------
    difference : Estimate
        The first model's figure minus the second's.
    p_value : float
        Two-sided; 1 where the models are the same row by row, NaN where there is no figure.
    test : str
        The name of the test.
    """

    difference: Estimate
    p_value: float
    test: str


# ----------------------------------------------------------------------------------------- normal


def normal_quantile(level: float) -> float:
    """Return z such that -z to z holds ``level`` of a standard normal: 1.96 for 0.95.

    Raises
    ------
    InputError
        If the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"A level lies between 0 and 1, not at {level}; write 0.95 for 95 %.")
    return NormalDist().inv_cdf(0.5 + level / 2)


def _normal(value: float, error: float, level: float, lowest: float, highest: float) -> Estimate:
    half = normal_quantile(level) * error
    return Estimate(value, min(max(value - half, lowest), value), max(min(value + half, highest), value))


def _paired(difference: float, variance: float, level: float, test: str) -> PairedTest:
    if math.isnan(variance):
        return PairedTest(Estimate(difference), math.nan, test)
    error = math.sqrt(max(variance, 0.0))
    if error <= 1e-12:  # the models rank (or err) alike row by row, but for rounding
        p_value = 1.0 if abs(difference) <= 1e-12 else 0.0
    else:
        p_value = math.erfc(abs(difference) / error / math.sqrt(2))
    return PairedTest(_normal(difference, error, level, -math.inf, math.inf), p_value, test)


def mean_estimate(values: npt.NDArray[np.floating], *, level: float = 0.95, lowest: float = 0.0) -> Estimate:
    """Return the mean of independent values with the normal interval, cut off at ``lowest``.

    The log loss and the Brier score are such means; at the row counts of a held-out part the normal
    interval and the bootstrap agree to a few per cent, and this one costs nothing.

    Parameters
    ----------
    values : array of shape (n,)
    level : float, default 0.95
    lowest : float, default 0
        The least value a mean can have.
    """
    if len(values) < 2:
        return Estimate(float(values.mean()))
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return _normal(float(values.mean()), error, level, lowest, math.inf)


def mean_difference(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], *, level: float = 0.95
) -> PairedTest:
    """Test whether two models' losses differ in the mean: the paired t-test, at many rows.

    The reference distribution is the normal, which Student's t has reached at some 100 rows.

    Parameters
    ----------
    first, second : array of shape (n,)
        Each row's loss under either model, in the same order.
    level : float, default 0.95
    """
    if len(first) != len(second):
        raise InputError(f"The losses have {len(first)} and {len(second)} rows; compare the same rows.")
    gaps = first - second
    variance = float(gaps.var(ddof=1)) / len(gaps) if len(gaps) > 1 else math.nan
    return _paired(float(gaps.mean()), variance, level, "paired t")


def rate_estimate(y: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """Return the share of ones with Wilson's interval."""
    outcomes = np.asarray(y)
    low, high = wilson_interval(outcomes.sum(), len(outcomes), level=level)
    return Estimate(float(outcomes.mean()), float(low), float(high))


# ----------------------------------------------------------------------------------------- DeLong


@dataclass(frozen=True)
class Placements:
    """Where each row stands among the rows of the other class: DeLong's structural components.

    Parameters
    ----------
    events : array of shape (m,)
        For each event the share of non-events below it, ties counting half.
    non_events : array of shape (n - m,)
        For each non-event the share of events above it.
    """

    events: Floats
    non_events: Floats

    @property
    def auc(self) -> float:
        """The area under the ROC curve; NaN for one class."""
        return float(self.events.mean()) if len(self.events) and len(self.non_events) else math.nan

    def variance(self) -> float:
        """Variance of the area; NaN with fewer than two rows of a class."""
        return _placement_variance(self.events, self.non_events)


def _placement_variance(events: Floats, non_events: Floats) -> float:
    if min(len(events), len(non_events)) < 2:
        return math.nan
    return float(events.var(ddof=1) / len(events) + non_events.var(ddof=1) / len(non_events))


def placements(y: npt.ArrayLike, p: npt.ArrayLike) -> Placements:
    """Compute the placements from midranks in O(n log n).

    References
    ----------
    Sun and Xu (2014), "Fast implementation of DeLong's algorithm for comparing the areas under correlated
    ROC curves", IEEE Signal Processing Letters 21, equations 5 to 9.
    """
    outcomes, scores = outcomes_and_scores(y, p)
    if outcomes.all() or not outcomes.any():
        return Placements(np.full(int(outcomes.sum()), np.nan), np.full(int((~outcomes).sum()), np.nan))
    overall = midranks(scores)
    events = (overall[outcomes] - midranks(scores[outcomes])) / int((~outcomes).sum())
    non_events = 1.0 - (overall[~outcomes] - midranks(scores[~outcomes])) / int(outcomes.sum())
    return Placements(events, non_events)


def auc_estimate(y: npt.ArrayLike, p: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """Return the AUC with DeLong's interval, cut off at 0 and 1.

    NaN for one class. Where the classes are parted without a fault the interval has no width, which is
    DeLong's known weakness and no certainty.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two or more correlated receiver
    operating characteristic curves", Biometrics 44.
    """
    return _auc_from(placements(y, p), level)


def _auc_from(placed: Placements, level: float) -> Estimate:
    variance = placed.variance()
    if math.isnan(variance):
        return Estimate(placed.auc)
    return _normal(placed.auc, math.sqrt(variance), level, 0.0, 1.0)


def auc_difference(
    y: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = 0.95
) -> PairedTest:
    """Test whether two scores of the same rows differ in AUC: DeLong's paired test.

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    first, second : array-like of shape (n,)
        Two scores.
    level : float, default 0.95

    References
    ----------
    DeLong et al. (1988), Biometrics 44, for two curves.
    """
    return placement_difference(placements(y, first), placements(y, second), level=level)


def placement_difference(first: Placements, second: Placements, *, level: float = 0.95) -> PairedTest:
    """Return :func:`auc_difference` of placements computed before (sorting is what takes time)."""
    variance = _placement_variance(first.events - second.events, first.non_events - second.non_events)
    return _paired(first.auc - second.auc, variance, level, "DeLong, paired")


# ---------------------------------------------------------------------------------------- logistic


def slope_estimate(y: npt.ArrayLike, p: npt.ArrayLike, *, level: float = 0.95) -> Estimate:
    """Return the calibration slope with the normal interval from its sandwich variance.

    NaN where there is no slope (see :func:`bezant.metrics.classification.calibration_slope`).

    References
    ----------
    White (1982), "Maximum likelihood estimation of misspecified models", Econometrica 50: the log odds need
    not be linear for the interval to hold.
    """
    outcomes, scores = outcomes_and_probabilities(y, p)
    intercept, slope = logistic_recalibration(outcomes, scores)
    if math.isnan(slope):
        return Estimate(slope)
    design = np.column_stack([np.ones(len(scores)), logits(scores)])
    q = 1.0 / (1.0 + np.exp(-np.clip(design @ np.array([intercept, slope]), -700, 700)))
    bread = np.linalg.inv((design * (q * (1.0 - q))[:, None]).T @ design)
    meat = (design * ((outcomes - q) ** 2)[:, None]).T @ design
    error = math.sqrt(float((bread @ meat @ bread)[1, 1]))
    return _normal(slope, error, level, -math.inf, math.inf)
