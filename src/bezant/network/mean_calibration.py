"""Make a predicted fraction right in the mean on rows the network has not seen.

A network that looks ahead in time meets losses of another level, and less of what it learned still holds.
The straight line is what mends both: its shift moves the level, a slope below 1 shrinks the answers
towards the mean of the held-out rows, which are the latest. At a slope of 0 all that is left is that mean.
How large a slope the time to come will bear is read from how slopes moved in the time that has passed.
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

PERIODS = 6
"""Equally large parts of later rows, in the order of time, whose slopes are compared."""

ROWS_A_PERIOD = 20
"""Rows without which the slope of a period says nothing."""


def calibrate_mean(
    prediction: FloatArray,
    y: FloatArray,
    *,
    most_slope: float | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Calibration:
    """Choose and fit a calibrator of a mean by cross-validated squared error.

    Parameters
    ----------
    prediction : float64 array, shape (n,)
        Fractions in [0, 1] predicted for rows the network was not trained on.
    y : float64 array, shape (n,)
        Observed fractions.
    most_slope : float, optional
        Where rows to come are later than these: the line is taken, and its slope is at most this
        (:func:`slope_ahead`); 0 leaves the mean of ``y``.
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
    fold = stratified_folds((y > np.median(y)).astype(np.int64), folds, seed)
    crossed = {m: _cross_fit(m, prediction, y, fold) for m in methods}
    errors = {m: float(np.mean((y - q) ** 2)) for m, q in crossed.items()}
    if most_slope is not None and count > 1:
        return _ahead(prediction, y, most_slope, fold, errors)
    best = min(methods, key=lambda m: errors[m])
    return Calibration(fit_mean_calibrator(best, prediction, y), errors, crossed[best])


def _ahead(
    x: FloatArray, y: FloatArray, most_slope: float, fold: IntArray, errors: dict[str, float]
) -> Calibration:
    """Take the line, and judge it as it is delivered: each row by a line learned without its fold."""

    def line(rows: BoolArray) -> Calibrator:
        slope = min(_line(x[rows], y[rows])[1], most_slope)
        values = [float(y[rows].mean() - slope * x[rows].mean()), slope]
        return Calibrator("linear", torch.tensor(values, dtype=torch.float64))

    judged = np.empty_like(x)
    for k in np.unique(fold):
        judged[fold == k] = line(fold != k).calibrated(x[fold == k])
    return Calibration(line(np.ones(len(x), bool)), errors, judged)


def slope_ahead(x: FloatArray, y: FloatArray, times: AnyArray, confidence: float) -> float | None:
    """Return the slope of outcomes on predictions that the time to come will reach with some confidence.

    The slopes of :data:`PERIODS` equally large parts of the rows are regressed on their mean times. The
    answer is the lower end of the prediction interval of a new period's slope, half of the rows' own span
    of time after the last of them, and at least 0. Too low a slope costs little: squared error is flat
    about its best. Trusting a ranking that has turned round costs much.

    Parameters
    ----------
    x, y : float64 arrays, shape (n,)
        Predictions by a model that was trained on earlier rows, and what was observed.
    times : array, shape (n,)
        When each row happened; numbers or datetime64.
    confidence : float
        One-sided, such as 0.95; 0.5 gives the expected slope.

    Returns
    -------
    float or None
        None if the rows are too few or of too few times to tell.
    """
    from scipy.stats import t

    when = np.asarray(times)
    if when.dtype.kind == "M":
        when = when.astype("datetime64[s]").astype(np.int64)
    when = when.astype(np.float64)
    if len(x) < PERIODS * ROWS_A_PERIOD or len(np.unique(when)) < PERIODS:
        return None
    parts = np.array_split(np.argsort(when, kind="stable"), PERIODS)
    slopes = np.array([_slope(x[part], y[part]) for part in parts])
    places = np.array([when[part].mean() for part in parts])
    centred = places - places.mean()
    spread = float(centred @ centred)
    trend = float(centred @ slopes) / spread
    residual = slopes - slopes.mean() - trend * centred
    distance = when.max() + (when.max() - when.min()) / 2 - places.mean()
    error = np.sqrt(residual @ residual / (PERIODS - 2) * (1 + 1 / PERIODS + distance**2 / spread))
    expected = slopes.mean() + trend * distance
    return max(float(expected - t.ppf(confidence, PERIODS - 2) * error), 0.0)


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
