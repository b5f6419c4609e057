"""Make a predicted fraction right in the mean on rows the network has not seen.

A network that looks ahead in time meets losses of another level, and less of what it learned still holds.
The straight line is what mends both: its shift moves the level, a slope below 1 shrinks the answers
towards the mean of the held-out rows, which are the latest. At a slope of 0 all that is left is that mean.
"""

from __future__ import annotations

import numpy as np
import torch

from bezant.metrics.target_statistics import stratified_folds
from bezant.network.calibration import KNOTS, Calibration, Calibrator
from bezant.types import AnyArray, BoolArray, FloatArray, IntArray

MEAN_METHODS = ("none", "linear", "isotonic")

FEWEST_ROWS = 40
"""Held-out rows below which the answers stay as they are."""

ISOTONIC_ROWS = 1000
"""Held-out rows below which a free curve follows chance."""


PERIODS = 4
"""Equally large parts of the held-out rows, in the order of time, whose slopes are compared."""


def calibrate_mean(
    prediction: FloatArray,
    y: FloatArray,
    *,
    times: AnyArray | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Calibration:
    """Choose and fit a calibrator of a mean by cross-validated squared error; with times, look ahead.

    Rows that will be predicted come after the held-out ones. Where rows have times, the line's slope is
    therefore carried on as it moved within the held-out rows, one length of theirs ahead, and never
    above what it is on all of them: a ranking that fades is trusted less, one that grows no more.

    Parameters
    ----------
    prediction : float64 array, shape (n,)
        Fractions in [0, 1] predicted for rows the network was not trained on.
    y : float64 array, shape (n,)
        Observed fractions.
    times : array, shape (n,), optional
        When each row happened.
    folds : int, default 5
        Folds of the choice.
    seed : int, default 0
        Draws the folds.

    Returns
    -------
    Calibration
        Its ``log_losses`` hold the mean squared error of each method.
    """
    count = 1 if len(y) < FEWEST_ROWS else 2 if len(y) < ISOTONIC_ROWS else 3
    methods = MEAN_METHODS[:count]
    ahead = times is not None and count > 1
    fold = stratified_folds((y > np.median(y)).astype(np.int64), folds, seed)
    crossed = {m: _cross_fit(m, prediction, y, fold) for m in methods}
    errors = {m: float(np.mean((y - q) ** 2)) for m, q in crossed.items()}
    if ahead:
        return _ahead(prediction, y, np.asarray(times), fold, errors)
    best = min(methods, key=lambda m: errors[m])
    return Calibration(fit_mean_calibrator(best, prediction, y), errors, crossed[best])


def _ahead(
    x: FloatArray, y: FloatArray, times: AnyArray, fold: IntArray, errors: dict[str, float]
) -> Calibration:
    """Carry the line ahead, and judge it as it is delivered: each row by a line learned without its fold."""

    def line(rows: BoolArray) -> Calibrator:
        values = line_ahead(x[rows], y[rows], times[rows])
        return Calibrator("linear", torch.tensor(values, dtype=torch.float64))

    judged = np.empty_like(x)
    for k in np.unique(fold):
        judged[fold == k] = line(fold != k).calibrated(x[fold == k])
    return Calibration(line(np.ones(len(x), bool)), errors, judged)


def line_ahead(x: FloatArray, y: FloatArray, times: AnyArray) -> list[float]:
    """Return shift and slope of the line through the rows' means, its slope as it is expected later on.

    The slopes of :data:`PERIODS` parts are fitted by a straight line over their places, which is read one
    length of all parts after their middle.
    """
    slope = _line(x, y)[1]
    parts = np.array_split(np.argsort(times, kind="stable"), PERIODS)
    slopes = [_slope(x[part], y[part]) for part in parts]
    places = np.arange(PERIODS)
    later = float(np.polyval(np.polyfit(places, slopes, 1), places.mean() + PERIODS))
    slope = min(max(later, 0.0), slope)
    return [float(y.mean() - slope * x.mean()), slope]


def fit_mean_calibrator(method: str, prediction: FloatArray, y: FloatArray) -> Calibrator:
    """Fit one method; :func:`calibrate_mean` chooses among them."""
    if method == "none":
        return Calibrator(method, torch.empty(0))
    if method == "linear":
        return Calibrator(method, torch.tensor(_line(prediction, y), dtype=torch.float64))
    return Calibrator(method, _curve(prediction, y))


def _line(x: FloatArray, y: FloatArray) -> list[float]:
    """Shift and slope of least squares; a slope that would turn the ranking round is 0."""
    slope = max(_slope(x, y), 0.0)
    return [float(y.mean() - slope * x.mean()), slope]


def _slope(x: FloatArray, y: FloatArray) -> float:
    centred = x - x.mean()
    spread = float(centred @ centred)
    return float(centred @ y) / spread if spread > 1e-12 else 0.0


def _curve(x: FloatArray, y: FloatArray) -> torch.Tensor:
    """Knots of the non-decreasing curve of least squares (2, knots)."""
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(x, y)
    knots, first = np.unique(model.X_thresholds_, return_index=True)
    heights = model.y_thresholds_[first]
    if len(knots) < 2:
        knots, heights = np.array([knots[0] - 1e-9, knots[0] + 1e-9]), np.repeat(heights[:1], 2)
    if len(knots) > KNOTS:
        kept = np.unique(np.linspace(0, len(knots) - 1, KNOTS).round().astype(int))
        knots, heights = knots[kept], heights[kept]
    return torch.from_numpy(np.stack([knots, heights]))


def _cross_fit(method: str, x: FloatArray, y: FloatArray, fold: IntArray) -> FloatArray:
    if method == "none":
        return x
    out = np.empty_like(x)
    for k in np.unique(fold):
        inside = fold == k
        out[inside] = fit_mean_calibrator(method, x[~inside], y[~inside]).calibrated(x[inside])
    return out
