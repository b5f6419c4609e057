"""Out-of-fold target statistics of integer codes, and how much a number's exact values say.

A target statistic replaces a value by the smoothed mean of the target among the *other* rows with
that value. Computed on the row itself it leaks the answer; computed out of fold it does not. All
sums run over the cells (fold, value), so the cost is one ``bincount`` a column however many rows
there are.

References
----------
Micci-Barreca (2001), "A preprocessing scheme for high-cardinality categorical attributes", SIGKDD
Explorations 3(1), equation 4 (the smoothed mean); Prokhorenkova et al. (2018), "CatBoost", section
3.2 (why the row's own target must stay out).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.types import AnyArray, FloatArray, IntArray

SMOOTHING = 10.0
"""Rows' worth of the overall mean that each value's mean is mixed with."""

QUANTILE_BINS = 32
"""Bins of the binned encoding that exact values are compared with."""

_CLIP = 1e-6


@dataclass(frozen=True)
class ExactValueGain:
    """What a number's exact values say about the target, beside what its quantile bins say.

    Attributes
    ----------
    auc_exact, auc_bins : float
        Area under the ROC curve of the out-of-fold target statistic of the exact value, of the bin.
    log_loss_exact, log_loss_bins : float
        Mean log loss in nats of the same two statistics, read as probabilities.
    """

    auc_exact: float
    auc_bins: float
    log_loss_exact: float
    log_loss_bins: float

    def __post_init__(self) -> None:
        if not (0 <= self.auc_exact <= 1 and 0 <= self.auc_bins <= 1):
            raise ValueError(f"AUCs lie in [0, 1], not {self.auc_exact} and {self.auc_bins}")


def stratified_folds(y: AnyArray, folds: int = 5, random_state: int = 0) -> npt.NDArray[np.int64]:
    """Deal the rows of each class to folds, as evenly as possible, in a random order.

    Parameters
    ----------
    y : (n,) array of 0/1
    folds : int, default 5
    random_state : int, default 0

    Returns
    -------
    (n,) int64 array of fold numbers 0 ... folds - 1. Stratified because with unequal folds the mean
    of the other folds is high just where the own fold's is low, and even a constant "predicts".
    """
    y = np.asarray(y)
    rng = np.random.default_rng(random_state)
    assigned = np.empty(len(y), np.int64)
    start = 0
    for value in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == value))
        assigned[rows] = (np.arange(len(rows)) + start) % folds
        start += len(rows)  # the next class goes on where this one stopped: fold sizes differ by one
    return assigned


def out_of_fold_means(
    codes: IntArray, y: AnyArray, folds: IntArray, smoothing: float = SMOOTHING
) -> npt.NDArray[np.float64]:
    """Smoothed mean of the target among the rows of the other folds that have the same code.

    Parameters
    ----------
    codes : (n,) array of int
        Value of each row as a code from 0; -1 (missing) is a value of its own.
    y : (n,) array
        Target, 0/1 or any number.
    folds : (n,) array of int
        Fold of each row, from 0, as :func:`stratified_folds` deals them.
    smoothing : float, default 10
        Rows' worth of the other folds' overall mean that each mean is mixed with; with 0, a value
        that only stands in one fold gets that overall mean.

    Returns
    -------
    (n,) float64 array. A row's own fold never enters its mean.

    Raises
    ------
    ValueError
        If the arrays differ in length, a code is below -1, or there are fewer than two folds.
    """
    codes, folds, y = np.asarray(codes), np.asarray(folds), np.asarray(y, np.float64)
    if not len(codes) == len(y) == len(folds):
        raise ValueError(f"codes, y and folds have {len(codes)}, {len(y)} and {len(folds)} rows")
    if len(codes) == 0:
        return np.empty(0)
    cells, n_folds, levels = _cells(codes, folds)
    counts = np.bincount(cells, minlength=n_folds * levels).reshape(n_folds, levels)
    sums = np.bincount(cells, weights=y, minlength=n_folds * levels).reshape(n_folds, levels)
    means: npt.NDArray[np.float64] = _means_of_cells(counts, sums, smoothing).ravel()[cells]
    return means


def code_statistic(
    codes: IntArray, y: AnyArray, folds: IntArray, smoothing: float = SMOOTHING
) -> tuple[float, float]:
    """Return the AUC and the log loss of :func:`out_of_fold_means` for a 0/1 target.

    The parameters are those of :func:`out_of_fold_means`. Rows of one cell share one score, so both
    figures are sums over cells. The AUC is 0.5 where only one class is present.
    """
    cells, n_folds, levels = _cells(np.asarray(codes), np.asarray(folds))
    counts = np.bincount(cells, minlength=n_folds * levels).reshape(n_folds, levels)
    events = np.bincount(cells, weights=np.asarray(y, np.float64), minlength=n_folds * levels)
    means = _means_of_cells(counts, events.reshape(n_folds, levels), smoothing).ravel()
    others = counts.ravel() - events
    p = np.clip(means, _CLIP, 1 - _CLIP)
    loss = -float(events @ np.log(p) + others @ np.log1p(-p)) / max(len(cells), 1)
    return area_under_curve(means, events, others), loss


def exact_value_gain(
    values: FloatArray, y: AnyArray, *, folds: int = 5, random_state: int = 0
) -> ExactValueGain:
    """Compare what the exact values of a number say about the target with what its bins say.

    Parameters
    ----------
    values : (n,) float array
        The number; NaN is missing and a value of its own in both encodings.
    y : (n,) array of 0/1
        The target.
    folds : int, default 5
        Folds of the out-of-fold statistics.
    random_state : int, default 0
        Seed of the folds.

    Returns
    -------
    ExactValueGain
        A gain means that a categorical twin of the number pays; a very large one is how a number
        that is rewritten after the outcome looks (a term cut short, an amount paid down), and a leak
        until shown otherwise.
    """
    values = np.asarray(values, np.float64)
    assigned = stratified_folds(y, folds, random_state)
    distinct, codes = np.unique(values, return_inverse=True)  # NaNs are one value
    known = distinct[~np.isnan(distinct)]
    auc_exact, loss_exact = code_statistic(codes, y, assigned)
    bins = np.full(len(distinct), -1, np.int64)
    bins[: len(known)] = quantile_bins(known, np.bincount(codes)[: len(known)])
    auc_bins, loss_bins = code_statistic(bins[codes], y, assigned)
    return ExactValueGain(auc_exact, auc_bins, loss_exact, loss_bins)


def quantile_bins(distinct: FloatArray, counts: IntArray, bins: int = QUANTILE_BINS) -> npt.NDArray[np.int64]:
    """Return the quantile bin of each distinct value.

    Parameters
    ----------
    distinct : (v,) float array
        Distinct values, ascending.
    counts : (v,) int array
        Rows that have each.
    bins : int, default 32
        Number of bins before equal edges merge.

    Returns
    -------
    (v,) int64 array: never decreasing from one value to the next, so that a value which holds more
    than one bin's worth of rows still shares its bin with its neighbours.
    """
    if len(distinct) == 0:
        return np.empty(0, np.int64)
    below = np.cumsum(counts) - counts  # rows with smaller values
    bin_of_value: npt.NDArray[np.int64] = (below * bins // max(int(counts.sum()), 1)).astype(np.int64)
    return bin_of_value


def area_under_curve(scores: AnyArray, events: AnyArray, others: AnyArray) -> float:
    """Area under the ROC curve where score ``i`` holds ``events[i]`` events and ``others[i]`` others.

    Equal scores count one half (Hanley and McNeil, 1982). 0.5 where a class is empty.
    """
    total = float(events.sum()) * float(others.sum())
    if total == 0:
        return 0.5
    distinct, place = np.unique(scores, return_inverse=True)
    e = np.bincount(place, weights=events, minlength=len(distinct))
    o = np.bincount(place, weights=others, minlength=len(distinct))
    below = np.cumsum(o) - o
    return float(np.clip(e @ (below + 0.5 * o) / total, 0.0, 1.0))


def area_standard_error(auc: float, events: float, others: float) -> float:
    """Standard error of an area under the curve (Hanley and McNeil, 1982, equation 2).

    Parameters
    ----------
    auc : float
        The area.
    events, others : float
        Rows of each class; with fewer than one of either the error is infinite.
    """
    if min(events, others) < 1:
        return float("inf")
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (events - 1) * (q1 - auc**2) + (others - 1) * (q2 - auc**2)
    return float(np.sqrt(max(spread, 0.0) / (events * others)))


def _cells(codes: IntArray, folds: IntArray) -> tuple[npt.NDArray[np.int64], int, int]:
    """Number the (fold, code) cell of each row; also the numbers of folds and codes."""
    if len(codes) and (codes.min() < -1 or folds.min() < 0):
        raise ValueError("codes start at -1 (missing) and folds at 0")
    n_folds, levels = int(folds.max(initial=0)) + 1, int(codes.max(initial=-1)) + 2
    if n_folds < 2 and len(codes) > 1:
        raise ValueError("out-of-fold statistics need at least two folds")
    return folds.astype(np.int64) * levels + codes + 1, n_folds, levels


def _means_of_cells(counts: AnyArray, sums: AnyArray, smoothing: float) -> npt.NDArray[np.float64]:
    """Smoothed out-of-fold mean of each cell; both inputs and the output are (folds, levels)."""
    other_counts, other_sums = counts.sum(axis=0) - counts, sums.sum(axis=0) - sums
    rows = other_counts.sum(axis=1, keepdims=True)
    prior = other_sums.sum(axis=1, keepdims=True) / np.maximum(rows, 1)
    weight = other_counts + smoothing
    means = (other_sums + smoothing * prior) / np.where(weight > 0, weight, 1)
    result: npt.NDArray[np.float64] = np.where(weight > 0, means, prior)
    return result
