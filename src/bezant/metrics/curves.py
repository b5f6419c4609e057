"""Curves for pictures: at most some 200 points, however many rows there are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, outcomes_and_probabilities
from bezant.metrics.classification import (
    CumulativeCounts,
    cumulative_counts,
    equal_mass_edges,
)
from bezant.types import InputError

MOST_POINTS = 200
"""Curves are thinned to this many points: more cannot be seen."""


@dataclass(frozen=True)
class RocCurve:
    """The ROC curve, from (0, 0) to (1, 1).

    Parameters
    ----------
    false_positive_rate, true_positive_rate : array of shape (k,)
        Shares of the non-events and of the events at or above the threshold, rising; empty for one class.
    threshold : array of shape (k,)
        Falling; the first is infinite (no row is that high).
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    threshold: Floats

    def __post_init__(self) -> None:
        _same_length(self.false_positive_rate, self.true_positive_rate, self.threshold)


@dataclass(frozen=True)
class KsCurve:
    """The score distributions of both classes, and where they are furthest apart.

    Parameters
    ----------
    threshold : array of shape (k,)
        Scores, rising; empty for one class.
    events, non_events : array of shape (k,)
        Share of each class with a score of at most the threshold.
    ks : float
        The widest gap; NaN for one class.
    at : float
        The threshold where it is.
    """

    threshold: Floats
    events: Floats
    non_events: Floats
    ks: float
    at: float

    def __post_init__(self) -> None:
        _same_length(self.threshold, self.events, self.non_events)


@dataclass(frozen=True)
class ReliabilityCurve:
    """Predicted against observed rates in bins of equal mass.

    Parameters
    ----------
    predicted : array of shape (k,)
        Mean probability in each bin, rising.
    observed : array of shape (k,)
        Share of events in each bin.
    low, high : array of shape (k,)
        Wilson's interval of the observed rate.
    rows : int array of shape (k,)
        Rows in each bin.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    rows: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        _same_length(self.predicted, self.observed, self.low, self.high, self.rows)


@dataclass(frozen=True)
class ScoreHistogram:
    """How many events and non-events score in each of several intervals of equal width.

    Parameters
    ----------
    edges : array of shape (k + 1,)
    events, non_events : int array of shape (k,)
    """

    edges: Floats
    events: npt.NDArray[np.int64]
    non_events: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        _same_length(self.edges[1:], self.events, self.non_events)


def _same_length(*arrays: npt.NDArray[np.generic]) -> None:
    if len({len(a) for a in arrays}) != 1:
        raise InputError(
            f"The parts of a curve have {[len(a) for a in arrays]} points; give as many of each."
        )


def _thinned(counts: CumulativeCounts, most: int) -> npt.NDArray[np.int64]:
    """Choose points evenly along both axes at once, the last and the widest gap always among them."""
    true = counts.events / counts.events[-1]
    false = counts.non_events / counts.non_events[-1]
    if len(true) <= most:
        return np.arange(len(true))
    along = true + false
    even = np.searchsorted(along, np.linspace(along[0], along[-1], most - 1))
    widest = int(np.argmax(np.abs(true - false)))
    return np.unique(np.append(np.minimum(even, len(along) - 1), widest))


def roc_curve(y: npt.ArrayLike, p: npt.ArrayLike, *, most: int = MOST_POINTS) -> RocCurve:
    """Return the ROC curve in at most ``most`` points beside (0, 0); empty for one class.

    The area under the thinned curve differs from :func:`bezant.metrics.classification.roc_auc` by less
    than ``1 / most``; print that figure, draw this curve.
    """
    counts = cumulative_counts(y, p)
    if counts.one_class:
        return RocCurve(np.empty(0), np.empty(0), np.empty(0))
    keep = _thinned(counts, most)
    return RocCurve(
        np.append(0.0, counts.non_events[keep] / counts.non_events[-1]),
        np.append(0.0, counts.events[keep] / counts.events[-1]),
        np.append(np.inf, counts.thresholds[keep]),
    )


def ks_curve(y: npt.ArrayLike, p: npt.ArrayLike, *, most: int = MOST_POINTS) -> KsCurve:
    """Return both classes' score distributions in at most ``most`` points; empty for one class."""
    counts = cumulative_counts(y, -np.asarray(p, dtype=np.float64))  # so that the scores rise
    if counts.one_class:
        return KsCurve(np.empty(0), np.empty(0), np.empty(0), math.nan, math.nan)
    events, non_events = counts.events / counts.events[-1], counts.non_events / counts.non_events[-1]
    gap = np.abs(events - non_events)
    widest, keep = int(np.argmax(gap)), _thinned(counts, most)
    thresholds = 0.0 - counts.thresholds  # 0 rather than -0
    return KsCurve(
        thresholds[keep], events[keep], non_events[keep], float(gap[widest]), float(thresholds[widest])
    )


def wilson_interval(
    events: npt.ArrayLike, rows: npt.ArrayLike, *, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Wilson's score interval of a rate: within [0, 1] and sound for few events.

    Parameters
    ----------
    events, rows : array-like of the same shape
        Number of events, out of how many rows (at least 1).
    level : float, default 0.95

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    n = np.asarray(rows, dtype=np.float64)
    k = np.asarray(events, dtype=np.float64)
    z = NormalDist().inv_cdf(0.5 + level / 2)
    rate = k / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # Rounding may leave the ends a hair beyond the rate itself where it is 0 or 1.
    return np.clip(np.minimum(centre - half, rate), 0, 1), np.clip(np.maximum(centre + half, rate), 0, 1)


def reliability_curve(
    y: npt.ArrayLike, p: npt.ArrayLike, *, bins: int = 20, level: float = 0.95
) -> ReliabilityCurve:
    """Return predicted against observed rates in bins of equal mass (fewer where scores are tied).

    Parameters
    ----------
    y, p : array-like of shape (n,)
        Outcomes and probabilities.
    bins : int, default 20
    level : float, default 0.95
        Coverage of Wilson's interval around each observed rate.
    """
    outcomes, scores = outcomes_and_probabilities(y, p)
    index = np.searchsorted(equal_mass_edges(scores, bins), scores)
    rows = np.bincount(index)
    events = np.bincount(index, weights=outcomes)
    low, high = wilson_interval(events, rows, level=level)
    return ReliabilityCurve(np.bincount(index, weights=scores) / rows, events / rows, low, high, rows)


def score_histogram(y: npt.ArrayLike, p: npt.ArrayLike, *, bins: int = 50) -> ScoreHistogram:
    """Count both classes in ``bins`` intervals of equal width, from 0 to the highest probability."""
    outcomes, scores = outcomes_and_probabilities(y, p)
    if bins < 1:
        raise InputError(f"There cannot be {bins} bins; ask for 1 or more.")
    edges = np.linspace(0.0, float(scores.max()) or 1.0, bins + 1)
    events, _ = np.histogram(scores[outcomes], edges)
    non_events, _ = np.histogram(scores[~outcomes], edges)
    return ScoreHistogram(edges, events, non_events)
