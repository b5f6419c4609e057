"""Calibration: from the network's probability to one that comes true as often as it says.

Calibrators are small modules of tensors, so that they live in the saved model. They are fitted on
rows the network was not trained on, and the one to use is chosen there too, by log loss in
cross-validation: the simplest that is as good as the best. Staying as it is, is one of the choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bezant.metrics.classification import log_loss, roc_auc
from bezant.metrics.target_statistics import stratified_folds
from bezant.types import FloatArray, IntArray

METHODS = ("none", "temperature", "beta", "isotonic")
ISOTONIC_EVENTS = 100
"""Fewest events and non-events for isotonic regression; with fewer it follows the noise."""
FEWEST = 10
"""Fewest events and non-events for any calibration."""
KNOTS = 512
"""Most knots kept of an isotonic curve."""


class Calibrator(nn.Module):
    """A monotone map of probabilities, of any of the methods.

    Parameters
    ----------
    method : {"none", "temperature", "beta", "isotonic", "linear"}
        * none: as they are.
        * temperature: log-odds times a slope, plus a shift (Guo et al. 2017 with Platt's intercept).
        * beta: a * ln p - b * ln(1 - p) + c with a, b >= 0 (Kull et al. 2017).
        * isotonic: a non-decreasing curve through at most 512 knots, linear between them.
        * linear: a shift plus a slope times the value, cut off at 0 and 1; for values that are no
          probabilities of an event (see :mod:`.mean_calibration`).
    values : Tensor
        Shape (0,), (2,), (3,) or (2, knots), float64.

    Notes
    -----
    Shape: (n,) to (n,), float64.
    """

    values: Tensor

    def __init__(self, method: str, values: Tensor) -> None:
        super().__init__()
        self.method = method
        self.register_buffer("values", values.double())

    def forward(self, p: Tensor) -> Tensor:
        """Map probabilities."""
        p = p.double().clamp(1e-7, 1 - 1e-7)
        if self.method == "none":
            return p
        if self.method == "temperature":
            return torch.sigmoid(self.values[0] * torch.logit(p) + self.values[1])
        if self.method == "beta":
            a, b, c = self.values
            return torch.sigmoid(a * p.log() - b * torch.log1p(-p) + c)
        if self.method == "linear":
            return (self.values[0] + self.values[1] * p).clamp(0, 1)
        x, y = self.values.unbind()
        right = torch.searchsorted(x, p).clamp(1, len(x) - 1)
        share = ((p - x[right - 1]) / (x[right] - x[right - 1])).clamp(0, 1)
        return torch.lerp(y[right - 1], y[right], share)

    def calibrated(self, p: FloatArray) -> FloatArray:
        """Map a NumPy array."""
        return self(torch.from_numpy(np.asarray(p, np.float64))).numpy()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Calibration:
    """The calibrator that was chosen, and what decided.

    Attributes
    ----------
    calibrator : Calibrator
        Fitted on all held-out rows.
    log_losses : dict of str to float
        Cross-validated log loss of each method on the held-out rows.
    cross_fitted : float64 array, shape (n,)
        Held-out probabilities, each calibrated without its own fold: what honest held-out figures
        are computed from.
    """

    calibrator: Calibrator
    log_losses: dict[str, float]
    cross_fitted: FloatArray


def calibrate(
    p: FloatArray, y: FloatArray, *, folds: int = 5, seed: int = 0, in_time: bool = False
) -> Calibration:
    """Choose and fit a calibrator.

    Parameters
    ----------
    p : float64 array, shape (n,)
        Probabilities of rows the network was not trained on.
    y : float64 array, shape (n,)
        Their outcomes, 0 or 1.
    folds : int, default 5
        Folds of the choice.
    seed : int, default 0
        Draws the folds.
    in_time : bool, default False
        Whether the rows are later than those the network was trained on, and those to come later still.
        Level and slope carry over to later years and to a network that was trained again; the shape of a
        beta or isotonic curve does not (docs/log.md has the figures), so these are not tried then.
    """
    p = np.clip(np.asarray(p, np.float64), 1e-7, 1 - 1e-7)
    rarer = int(min(y.sum(), len(y) - y.sum()))
    methods: tuple[str, ...] = (
        METHODS if rarer >= ISOTONIC_EVENTS else METHODS[:3] if rarer >= FEWEST else METHODS[:1]
    )
    if in_time or roc_auc(y, p) < 0.5:  # curves would flatten a reversed ranking to one answer
        methods = methods[:2]
    fold = stratified_folds(y, folds, seed)
    crossed = {m: _cross_fit(m, p, y, fold) for m in methods}
    losses = {m: log_loss(y, q) for m, q in crossed.items()}
    best = _simplest_of_the_best(y, crossed, min(methods, key=lambda m: losses[m]))
    return Calibration(fit_calibrator(best, p, y), losses, crossed[best])


def _simplest_of_the_best(y: FloatArray, crossed: dict[str, FloatArray], best: str) -> str:
    """Return the method of the fewest coefficients that is within one standard error of the best.

    The rule of Breiman et al. (1984, section 3.4.3), with the error of the paired difference: on other rows,
    and more so on those of later years, a curve that is better by chance is worse.
    """
    for method in METHODS:
        if method in crossed:
            worse = _losses(y, crossed[method]) - _losses(y, crossed[best])
            if worse.mean() <= worse.std() / len(y) ** 0.5:
                return method
    return best


def _losses(y: FloatArray, p: FloatArray) -> FloatArray:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


def fit_calibrator(method: str, p: FloatArray, y: FloatArray) -> Calibrator:
    """Fit one method; :func:`calibrate` chooses among them."""
    if method == "none":
        return Calibrator(method, torch.empty(0))
    if method == "temperature":
        return Calibrator(method, torch.tensor(_rising(np.log(p / (1 - p)), y), dtype=torch.float64))
    if method == "beta":
        return Calibrator(method, torch.tensor(_beta(p, y), dtype=torch.float64))
    return Calibrator(method, _isotonic(p, y))


def _beta(p: FloatArray, y: FloatArray) -> list[float]:
    a, b, c = _logistic(np.column_stack([np.log(p), -np.log1p(-p)]), y)
    if a < 0:
        return [0.0, *_rising(-np.log1p(-p), y)]
    if b < 0:
        a, c = _rising(np.log(p), y)
        return [a, 0.0, c]
    return [float(a), float(b), float(c)]


def _rising(x: FloatArray, y: FloatArray) -> list[float]:
    """Slope and shift of a logistic regression on one number; a slope that would fall is 1.

    A falling slope means that the ranking was reversed on these few rows. Following it would give every
    row the same answer, so the ranking stays and only the level is mended.
    """
    slope, shift = _logistic(x[:, None], y)
    if slope > 0:
        return [float(slope), float(shift)]
    low, high = -50.0, 50.0
    for _ in range(80):  # the mean rises with the shift: halve the interval
        middle = (low + high) / 2
        too_low = np.mean(1 / (1 + np.exp(-(x + middle)))) < y.mean()
        low, high = (middle, high) if too_low else (low, middle)
    return [1.0, (low + high) / 2]


def _logistic(x: FloatArray, y: FloatArray) -> FloatArray:
    """Coefficients of an almost unpenalised logistic regression, the intercept last."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e6, max_iter=1000, tol=1e-8).fit(x, y)
    return np.append(model.coef_[0], model.intercept_[0])


def _isotonic(p: FloatArray, y: FloatArray) -> Tensor:
    from sklearn.isotonic import IsotonicRegression

    # The curve starts and ends beyond 0 and 1: no outcome is ever certain.
    floor = 1 / (len(y) + 2)
    model = IsotonicRegression(y_min=floor, y_max=1 - floor, out_of_bounds="clip").fit(p, y)
    x, level = model.X_thresholds_, model.y_thresholds_
    x, first = np.unique(x, return_index=True)
    level = level[first]
    if len(x) < 2:
        x, level = np.array([x[0] - 1e-9, x[0] + 1e-9]), np.repeat(level[:1], 2)
    if len(x) > KNOTS:
        kept = np.unique(np.linspace(0, len(x) - 1, KNOTS).round().astype(int))
        x, level = x[kept], level[kept]
    return torch.from_numpy(np.stack([x, level]))


def _cross_fit(method: str, p: FloatArray, y: FloatArray, fold: IntArray) -> FloatArray:
    out = np.empty_like(p)
    if method == "none":
        return p
    for k in np.unique(fold):
        inside = fold == k
        out[inside] = fit_calibrator(method, p[~inside], y[~inside]).calibrated(p[inside])
    return out
