"""Every figure once more, slowly and by its definition, without a line of the package under test.

Pure Python over lists; quadratic where the definition is. For checking what the package and its reports
print, on up to a few thousand rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scipy.optimize import brentq

Numbers = Sequence[float]


def slow_auc(y: Numbers, p: Numbers) -> float:
    """Share of event and non-event pairs in the right order, ties counting half."""
    events = [b for a, b in zip(y, p, strict=True) if a == 1]
    others = [b for a, b in zip(y, p, strict=True) if a == 0]
    if not events or not others:
        return math.nan
    won = sum((e > o) + 0.5 * (e == o) for e in events for o in others)
    return won / (len(events) * len(others))


def slow_gini(y: Numbers, p: Numbers) -> float:
    """Twice the area between the ROC curve and the diagonal."""
    return 2 * slow_auc(y, p) - 1


def slow_ks(y: Numbers, p: Numbers) -> float:
    """Widest gap between the shares of both classes at or below a score."""
    events = [b for a, b in zip(y, p, strict=True) if a == 1]
    others = [b for a, b in zip(y, p, strict=True) if a == 0]
    if not events or not others:
        return math.nan
    return max(
        abs(sum(e <= t for e in events) / len(events) - sum(o <= t for o in others) / len(others))
        for t in set(p)
    )


def slow_average_precision(y: Numbers, p: Numbers) -> float:
    """Sum over falling thresholds of the recall won times the precision there."""
    total = sum(y)
    if total in (0, len(y)):
        return math.nan
    area, recall_before = 0.0, 0.0
    for threshold in sorted(set(p), reverse=True):
        taken = [a for a, b in zip(y, p, strict=True) if b >= threshold]
        recall, precision = sum(taken) / total, sum(taken) / len(taken)
        area += (recall - recall_before) * precision
        recall_before = recall
    return area


def slow_log_loss(y: Numbers, p: Numbers) -> float:
    """Minus the mean logarithm of the probability given to what happened."""
    tiny = 2.0**-52
    given = [b if a == 1 else 1 - b for a, b in zip(y, p, strict=True)]
    return -sum(math.log(min(max(g, tiny), 1.0)) for g in given) / len(given)


def slow_brier(y: Numbers, p: Numbers) -> float:
    """Mean squared distance from the outcome."""
    return sum((a - b) ** 2 for a, b in zip(y, p, strict=True)) / len(y)


def slow_expected_calibration_error(y: Numbers, p: Numbers, bins: int = 10) -> float:
    """Gaps between predicted and observed rates in bins of equal mass, equal scores kept together.

    Row i of n in rising order (from 0) belongs to bin floor(i * bins / n), or to the bin of the first
    row with its score.
    """
    ranked = sorted(zip(p, y, strict=True), key=lambda pair: pair[0])
    gaps: dict[int, float] = {}
    bin_of: dict[float, int] = {}
    for i, (score, outcome) in enumerate(ranked):
        k = bin_of.setdefault(score, i * bins // len(ranked))
        gaps[k] = gaps.get(k, 0.0) + score - outcome
    return sum(abs(gap) for gap in gaps.values()) / len(ranked)


def slow_recalibration(y: Numbers, p: Numbers, *, slope: float | None = None) -> tuple[float, float]:
    """Intercept and slope of a logistic regression of y on the log odds, from the roots of its two equations.

    For a given slope the intercept solves sum(y - q) = 0; the slope solves sum((y - q) x) = 0. NaN for one
    class.
    """
    if sum(y) in (0, len(y)):
        return math.nan, math.nan
    x = [math.log(b) - math.log1p(-b) for b in p]

    def residuals(a: float, b: float) -> list[float]:
        return [
            yi - 1 / (1 + math.exp(-max(min(a + b * xi, 700), -700))) for yi, xi in zip(y, x, strict=True)
        ]

    def intercept(b: float) -> float:
        return _root(lambda a: sum(residuals(a, b)), -60.0, 60.0)

    if slope is not None:
        return intercept(slope), slope
    found = _root(
        lambda b: sum(r * xi for r, xi in zip(residuals(intercept(b), b), x, strict=True)), -20.0, 20.0
    )
    return intercept(found), found


def slow_calibration_slope(y: Numbers, p: Numbers) -> float:
    """The slope of the free recalibration."""
    return slow_recalibration(y, p)[1]


def slow_calibration_intercept(y: Numbers, p: Numbers) -> float:
    """The intercept with the slope held at 1."""
    return slow_recalibration(y, p, slope=1.0)[0]


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where the function changes its sign; NaN where it does not."""
    if function(low) * function(high) > 0:
        return math.nan
    return float(brentq(function, low, high, xtol=1e-13))


def slow_lift(y: Numbers, p: Numbers, share: float = 0.1) -> float:
    """Event rate of the highest scores over that of all; a partly taken group of ties counts in part."""
    if not sum(y):
        return math.nan
    wanted = share * len(y)
    taken = found = 0.0
    for threshold in sorted(set(p), reverse=True):
        group = [a for a, b in zip(y, p, strict=True) if b == threshold]
        part = min(1.0, (wanted - taken) / len(group))
        if part <= 0:
            break
        taken, found = taken + part * len(group), found + part * sum(group)
    return (found / wanted) / (sum(y) / len(y))


def slow_mae(y: Numbers, f: Numbers) -> float:
    """Mean absolute error."""
    return sum(abs(a - b) for a, b in zip(y, f, strict=True)) / len(y)


def slow_rmse(y: Numbers, f: Numbers) -> float:
    """Root of the mean squared error."""
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(y, f, strict=True)) / len(y))


def slow_r2(y: Numbers, f: Numbers) -> float:
    """One minus squared errors over squared distances from the mean."""
    mean = sum(y) / len(y)
    spread = sum((a - mean) ** 2 for a in y)
    return 1 - sum((a - b) ** 2 for a, b in zip(y, f, strict=True)) / spread if spread else math.nan


def slow_ranks(values: Numbers) -> list[float]:
    """Rank from 1: rows below, plus half of those equal."""
    return [sum(v < u for v in values) + (sum(v == u for v in values) + 1) / 2 for u in values]


def slow_spearman(y: Numbers, f: Numbers) -> float:
    """Pearson's correlation of the ranks."""
    a, b = slow_ranks(y), slow_ranks(f)
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    cross = sum((u - mean_a) * (v - mean_b) for u, v in zip(a, b, strict=True))
    scale = math.sqrt(sum((u - mean_a) ** 2 for u in a) * sum((v - mean_b) ** 2 for v in b))
    return cross / scale if scale else math.nan


def slow_delong_covariance(y: Numbers, scores: Sequence[Numbers]) -> list[list[float]]:
    """Covariance matrix of the areas of several scores, from DeLong's kernel over all pairs."""

    def kernel(e: float, o: float) -> float:
        return (e > o) + 0.5 * (e == o)

    v10, v01 = [], []
    for p in scores:
        events = [b for a, b in zip(y, p, strict=True) if a == 1]
        others = [b for a, b in zip(y, p, strict=True) if a == 0]
        v10.append([sum(kernel(e, o) for o in others) / len(others) for e in events])
        v01.append([sum(kernel(e, o) for e in events) / len(events) for o in others])
    size = range(len(scores))
    return [
        [_covariance(v10[i], v10[j]) / len(v10[i]) + _covariance(v01[i], v01[j]) / len(v01[i]) for j in size]
        for i in size
    ]


def _covariance(a: Numbers, b: Numbers) -> float:
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    return sum((u - mean_a) * (v - mean_b) for u, v in zip(a, b, strict=True)) / (len(a) - 1)


def slow_wilson(events: int, rows: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Ends of the rates r with |events / rows - r| <= z sqrt(r (1 - r) / rows)."""
    rate = events / rows

    def outside(r: float) -> float:
        return abs(rate - r) - z * math.sqrt(r * (1 - r) / rows)

    low = 0.0 if events == 0 else _root(outside, 0.0, rate - 1e-12)
    high = 1.0 if events == rows else _root(outside, rate + 1e-12, 1.0)
    return low, high


SLOW_FIGURES: dict[str, Callable[[Numbers, Numbers], float]] = {
    "roc_auc": slow_auc,
    "gini": slow_gini,
    "ks": slow_ks,
    "average_precision": slow_average_precision,
    "log_loss": slow_log_loss,
    "brier": slow_brier,
    "expected_calibration_error": slow_expected_calibration_error,
    "calibration_slope": slow_calibration_slope,
    "calibration_intercept": slow_calibration_intercept,
    "lift": slow_lift,
    "event_rate": lambda y, p: sum(y) / len(y),
    "mean_score": lambda y, p: sum(p) / len(p),
    "mae": slow_mae,
    "rmse": slow_rmse,
    "r2": slow_r2,
    "spearman": slow_spearman,
}
"""The second implementation of every figure, by the name the package gives it."""
