"""Figures of a probability of an event: how well it ranks, and how true it is.

``y`` holds 0 or 1 (1 is the event, such as default) and ``p`` the probability of 1, both of shape (n,).
Figures that rank one class against the other (AUC, Gini, KS, average precision, calibration slope and
intercept) are NaN where all rows are of one class, so that a table by segment never stops at a small one.
Ties count as ties everywhere; the order of the rows never matters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import (
    Floats,
    Metric,
    keyed,
    outcomes_and_probabilities,
    outcomes_and_scores,
)
from bezant.types import InputError

CALIBRATION_BINS = 10
"""Bins of equal mass in :func:`expected_calibration_error`, unless told otherwise."""

PROBABILITY_FLOOR = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 where their logarithm is taken (as scikit-learn does)."""


@dataclass(frozen=True)
class CumulativeCounts:
    """How many events and non-events score at or above each distinct score, highest first.

    Parameters
    ----------
    thresholds : array of shape (k,)
        The distinct scores, falling.
    events, non_events : int array of shape (k,)
        Rows of each class with a score of at least the threshold.
    """

    thresholds: Floats
    events: npt.NDArray[np.int64]
    non_events: npt.NDArray[np.int64]

    @property
    def one_class(self) -> bool:
        """Whether every row is of the same class."""
        return not self.events[-1] or not self.non_events[-1]


def cumulative_counts(y: npt.ArrayLike, p: npt.ArrayLike) -> CumulativeCounts:
    """Count both classes down the ranking; rows with equal scores enter together."""
    outcomes, scores = outcomes_and_scores(y, p)
    order = np.argsort(-scores)
    ranked = scores[order]
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    events = np.cumsum(outcomes[order], dtype=np.int64)[ends]
    return CumulativeCounts(ranked[ends], events, ends + 1 - events)


def roc_auc(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Area under the ROC curve: the probability that an event outranks a non-event, ties counting half.

    Parameters
    ----------
    y : array-like of shape (n,)
        0 or 1.
    p : array-like of shape (n,)
        Any score that rises with the event.

    Returns
    -------
    float
        0 to 1, 0.5 for chance; NaN for one class.

    References
    ----------
    Hanley and McNeil (1982), "The meaning and use of the area under a ROC curve", Radiology 143.
    """
    counts = cumulative_counts(y, p)
    if counts.one_class:
        return math.nan
    non_events = np.diff(counts.non_events, prepend=0)  # in each group of ties
    above = counts.events - 0.5 * np.diff(counts.events, prepend=0)
    return float(np.dot(above, non_events) / (float(counts.events[-1]) * float(counts.non_events[-1])))


def gini(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Gini coefficient or accuracy ratio, 2 AUC - 1: 0 for chance, 1 for perfect; NaN for one class.

    References
    ----------
    Engelmann, Hayden and Tasche (2003), "Testing rating accuracy", Risk 16.
    """
    return 2.0 * roc_auc(y, p) - 1.0


def ks(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Kolmogorov-Smirnov distance: the widest gap between the score distributions of the two classes.

    Returns
    -------
    float
        0 to 1; NaN for one class. The gap counts in either direction, as in the two-sample test.
    """
    counts = cumulative_counts(y, p)
    if counts.one_class:
        return math.nan
    gap = counts.events / counts.events[-1] - counts.non_events / counts.non_events[-1]
    return float(np.abs(gap).max())


def average_precision(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Precision averaged over recall, as a step function: the sum of (R_k - R_(k-1)) P_k.

    Returns
    -------
    float
        From the event rate (chance) to 1; NaN for one class. It falls with the event rate, so it does
        not compare across years or segments.

    References
    ----------
    Davis and Goadrich (2006), "The relationship between precision-recall and ROC curves", ICML, for why
    the points are not joined by lines.
    """
    counts = cumulative_counts(y, p)
    if counts.one_class:
        return math.nan
    precision = counts.events / (counts.events + counts.non_events)
    return float(np.dot(np.diff(counts.events, prepend=0), precision) / counts.events[-1])


def log_losses(y: npt.ArrayLike, p: npt.ArrayLike) -> Floats:
    """Each row's logarithmic loss in nats, shape (n,); probabilities are kept 2.2e-16 from 0 and 1."""
    outcomes, scores = outcomes_and_probabilities(y, p)
    given = np.where(outcomes, scores, 1.0 - scores)
    losses: Floats = -np.log(np.clip(given, PROBABILITY_FLOOR, 1.0))
    return losses


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Mean logarithmic loss in nats: minus the mean log-likelihood; exists for one class too.

    References
    ----------
    Good (1952), "Rational decisions", JRSS B 14.
    """
    return float(log_losses(y, p).mean())


def brier(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Mean squared distance of the probability from the outcome, 0 to 1; exists for one class too.

    References
    ----------
    Brier (1950), "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78.
    """
    outcomes, scores = outcomes_and_probabilities(y, p)
    return float(np.mean((scores - outcomes) ** 2))


def equal_mass_edges(p: npt.ArrayLike, bins: int = CALIBRATION_BINS) -> Floats:
    """Return the upper ends of bins that hold about the same number of rows, rising.

    Bin k holds the scores above edge k - 1 and up to edge k. Equal scores are never parted, so there are
    fewer bins where there are fewer distinct scores than bins.

    Raises
    ------
    InputError
        If ``bins`` is not positive.
    """
    if bins < 1:
        raise InputError(f"There cannot be {bins} bins; ask for 1 or more.")
    ranked = np.sort(np.asarray(p, dtype=np.float64))
    last = np.ceil(np.arange(1, bins + 1) * len(ranked) / bins).astype(np.int64) - 1
    return np.unique(ranked[np.maximum(last, 0)])


def expected_calibration_error(y: npt.ArrayLike, p: npt.ArrayLike, *, bins: int = CALIBRATION_BINS) -> float:
    """Mean distance between predicted and observed rate over bins of equal mass, weighted by their rows.

    Parameters
    ----------
    y, p : array-like of shape (n,)
        Outcomes and probabilities.
    bins : int, default 10
        Bins of equal mass (not of equal width). The figure grows with the number of bins and is above 0
        by chance alone, about ``sqrt(2 q (1 - q) bins / (pi n))`` at an event rate q: compare only
        figures of the same rows and bins.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015), AAAI; equal mass after Nixon et al. (2019), "Measuring calibration
    in deep learning".
    """
    outcomes, scores = outcomes_and_probabilities(y, p)
    edges = equal_mass_edges(scores, bins)
    index = np.searchsorted(edges, scores)
    gap = np.bincount(index, weights=scores - outcomes)
    return float(np.abs(gap).sum() / len(scores))


def logits(p: npt.ArrayLike) -> Floats:
    """Return log odds, of probabilities kept 2.2e-16 from 0 and 1 (so at most about 36 either way)."""
    kept = np.clip(np.asarray(p, dtype=np.float64), PROBABILITY_FLOOR, 1.0 - PROBABILITY_FLOOR)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def fit_logistic(design: Floats, outcomes: npt.NDArray[np.bool_], offset: Floats | None = None) -> Floats:
    """Maximum likelihood of a logistic regression by Newton's method with step halving.

    Parameters
    ----------
    design : array of shape (n, d)
        The inputs, a column of ones among them.
    outcomes : bool array of shape (n,)
    offset : array of shape (n,), optional
        Added to the log odds with the fixed coefficient 1.

    Returns
    -------
    array of shape (d,)
        The coefficients; NaN where the inputs do not determine them. The caller makes sure that both
        classes occur and overlap, else the maximum lies at infinity.
    """
    base: Floats = np.zeros(len(design)) if offset is None else offset
    beta: Floats = np.zeros(design.shape[1])
    nowhere: Floats = np.full(design.shape[1], np.nan)
    loss = _logistic_loss(base, outcomes)
    for _ in range(100):
        q = 1.0 / (1.0 + np.exp(-np.clip(base + design @ beta, -700, 700)))
        gradient = design.T @ (outcomes - q)
        curvature = (design * (q * (1.0 - q))[:, None]).T @ design  # (d, d)
        if np.linalg.cond(curvature) > 1e13:
            return nowhere
        step = np.linalg.solve(curvature, gradient)
        if float(gradient @ step) < 1e-14 * len(design):
            return beta + step
        size, after = 1.0, math.inf
        while size > 1e-10:
            after = _logistic_loss(base + design @ (beta + size * step), outcomes)
            if after <= loss:
                break
            size /= 2
        beta, loss = beta + size * step, after
    return nowhere


def _logistic_loss(eta: Floats, outcomes: npt.NDArray[np.bool_]) -> float:
    return float(np.logaddexp(0.0, np.where(outcomes, -eta, eta)).sum())


def logistic_recalibration(y: npt.ArrayLike, p: npt.ArrayLike) -> tuple[float, float]:
    """Fit log odds of the event = intercept + slope x log odds of ``p``, both free.

    Returns
    -------
    intercept, slope : float
        (0, 1) for perfect probabilities; NaN for one class, a constant score or separated classes.

    References
    ----------
    Cox (1958), "Two further applications of a model for binary regression", Biometrika 45, section 3.
    """
    outcomes, scores = outcomes_and_probabilities(y, p)
    if outcomes.all() or not outcomes.any() or _separated(scores[outcomes], scores[~outcomes]):
        return math.nan, math.nan
    design = np.column_stack([np.ones(len(scores)), logits(scores)])
    intercept, slope = fit_logistic(design, outcomes)
    return float(intercept), float(slope)


def _separated(events: Floats, non_events: Floats) -> bool:
    """Whether a threshold parts the classes but for ties: the slope is then infinite or free."""
    return bool(events.min() >= non_events.max() or non_events.min() >= events.max())


def calibration_slope(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Slope of Cox's logistic recalibration: 1 is right, below 1 the probabilities are too extreme.

    NaN for one class, a constant score or separated classes. See :func:`logistic_recalibration`.
    """
    return logistic_recalibration(y, p)[1]


def calibration_intercept(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Calibration in the large, in log odds: 0 is right, above 0 events are under-predicted.

    The intercept of the logistic recalibration with its slope held at 1, so that it can be read by
    itself (with a free slope it is the shift at a probability of one half, where few loans are).
    NaN for one class.

    References
    ----------
    Cox (1958), Biometrika 45; Van Calster et al. (2019), "Calibration: the Achilles heel of predictive
    analytics", BMC Medicine 17.
    """
    outcomes, scores = outcomes_and_probabilities(y, p)
    if outcomes.all() or not outcomes.any():
        return math.nan
    return float(fit_logistic(np.ones((len(scores), 1)), outcomes, logits(scores))[0])


def lift(y: npt.ArrayLike, p: npt.ArrayLike, *, share: float = 0.1) -> float:
    """Event rate among the highest scores over the event rate of all rows.

    Parameters
    ----------
    y, p : array-like of shape (n,)
    share : float, default 0.1
        The part of the rows that counts as highest, above 0 and up to 1. Of rows tied at the border the
        expected part is taken.

    Returns
    -------
    float
        1 for chance, at most ``1 / max(share, event rate)``; NaN without events.
    """
    if not 0 < share <= 1:
        raise InputError(f"The share of the highest scores lies above 0 and up to 1, not at {share}.")
    counts = cumulative_counts(y, p)
    if not counts.events[-1]:
        return math.nan
    rows = np.append(0, counts.events + counts.non_events)
    captured = np.interp(share * rows[-1], rows, np.append(0, counts.events) / counts.events[-1])
    return float(captured / share)


CLASSIFICATION: dict[str, Metric] = keyed(
    (
        Metric("roc_auc", "AUC", True, roc_auc),
        Metric("gini", "Gini", True, gini),
        Metric("ks", "KS", True, ks),
        Metric("average_precision", "Average precision", True, average_precision),
        Metric("log_loss", "Log loss", False, log_loss),
        Metric("brier", "Brier score", False, brier),
        Metric("expected_calibration_error", "Calibration error", False, expected_calibration_error),
        Metric("calibration_slope", "Calibration slope", None, calibration_slope, ideal=1.0),
        Metric("calibration_intercept", "Calibration intercept", None, calibration_intercept, ideal=0.0),
        Metric("lift", "Lift of the top tenth", True, lift),
    )
)
"""Every figure of a probability, by name."""
