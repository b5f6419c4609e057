"""Losses of market forecasts, one value a forecast, so that days can be compared and averaged later.

Each is strictly consistent for what it judges: in expectation only the true variance, quantile or pair of
VaR and ES has the least loss. Squared errors of variances are not used: a few wild days decide them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats
from bezant.metrics.regression import pinball_losses
from bezant.types import InputError


def qlike(realised: npt.ArrayLike, forecast: npt.ArrayLike, *, centred: bool = True) -> Floats:
    """Quasi-likelihood loss of variance forecasts: r/f - log(r/f) - 1; the mean of ``realised`` minimises it.

    Ranks forecasts rightly even where ``realised`` is noisy, as long as it is right on average.

    Parameters
    ----------
    realised : array-like of any shape
        Variance as it was measured after the fact (a range, realised variance, or squared return), in the
        square of the return's unit.
    forecast : array-like that broadcasts with ``realised``
        Variance that was forecast, above 0, in the same unit.
    centred : bool, default True
        Subtract log(realised) + 1, so that a perfect forecast has the loss 0 and ratios of losses mean
        something. A squared return of 0 has no logarithm: give False, and the loss is r/f + log(f), whose
        differences between models are the same.

    Returns
    -------
    float64 array of the common shape

    Raises
    ------
    InputError
        If a value is missing or infinite, a forecast is not above 0, or a realised variance is below 0 (or
        0 while ``centred``).

    References
    ----------
    Patton (2011), "Volatility forecast comparison using imperfect volatility proxies", Journal of
    Econometrics 160, equation 24.
    """
    observed, predicted = _together(realised=realised, forecast=forecast)
    _refuse(predicted <= 0, predicted, "The forecast variance is not above 0", "forecast a positive one")
    _refuse(observed < 0, observed, "The realised variance is below 0", "square the returns")
    if not centred:
        return np.asarray(observed / predicted + np.log(predicted))
    mend = "use a measure of the day's range, or qlike(..., centred=False)"
    _refuse(observed == 0, observed, "The realised variance is 0, which has no logarithm,", mend)
    ratio = observed / predicted
    return np.asarray(ratio - np.log(ratio) - 1)


def pinball(y: npt.ArrayLike, quantiles: npt.ArrayLike, levels: npt.ArrayLike) -> Floats:
    """Pinball loss of predicted quantiles, one value a row and level; the true quantiles minimise it.

    The mean over many even levels is half the continuous ranked probability score.

    Parameters
    ----------
    y : array-like of shape (...)
        What came, such as log returns.
    quantiles : array-like of shape (..., q)
        Predicted quantiles, in the unit of ``y``; ``y`` gets a last axis to broadcast with them.
    levels : array-like of shape (q,), or a single number for quantiles of the shape of ``y``
        Probabilities of lying below, between 0 and 1.

    Returns
    -------
    float64 array of the shape of ``quantiles``
        In the unit of ``y``.

    Raises
    ------
    InputError
        If a value is missing or infinite, a level is not between 0 and 1, or the shapes do not fit.

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles", Econometrica 46.
    """
    at = np.asarray(levels, dtype=np.float64)
    _refuse(~((at > 0) & (at < 1)), at, "A quantile level is not between 0 and 1", "write 0.05 for 5 %")
    observed = np.asarray(y, dtype=np.float64)
    lifted = observed[..., None] if at.ndim else observed
    observed, predicted, at = _together(y=lifted, quantiles=quantiles, levels=at)
    return pinball_losses(observed - predicted, at)


def fz0(y: npt.ArrayLike, var: npt.ArrayLike, es: npt.ArrayLike, level: float) -> Floats:
    """Fissler-Ziegel joint loss of VaR and ES, zero-homogeneous: differences do not depend on the unit.

    With v = -``var``, e = -``es`` and a = 1 - ``level``: -1{y <= v}(v - y)/(a e) + v/e + log(-e) - 1.

    Parameters
    ----------
    y : array-like of any shape
        Returns or gains that came: losses are negative here.
    var, es : array-like that broadcast with ``y``
        Value at risk and expected shortfall as losses, positive; ``es`` above 0 and at least ``var``.
    level : float
        Share of days that the loss is to stay within the VaR: 0.99 for a VaR of 99 % (tail of 1 %).

    Returns
    -------
    float64 array of the common shape
        The mean depends on the unit by its logarithm: returns in per cent give log(100) = 4.605 more than
        returns as fractions. Compare within one unit.

    Raises
    ------
    InputError
        If a value is missing or infinite, ``level`` is not from 0.5 to below 1, or an ES is not above 0 or
        less than its VaR.

    References
    ----------
    Patton, Ziegel and Chen (2019), "Dynamic semiparametric models for expected shortfall (and
    value-at-risk)", Journal of Econometrics 211, equation 6; Fissler and Ziegel (2016).
    """
    tail = tail_of(level)
    gain, value, shortfall = _together(y=y, var=var, es=es)
    _refuse(shortfall <= 0, shortfall, "The ES is not above 0", "give losses as positive numbers")
    rounding = 1e-12 * np.abs(value)
    _refuse(shortfall < value - rounding, shortfall, "The ES is below its VaR", "give var before es")
    beyond = np.maximum(-value - gain, 0.0)  # how far the loss went beyond the VaR
    return np.asarray(beyond / (tail * shortfall) + value / shortfall + np.log(shortfall) - 1)


def tail_of(level: float) -> float:
    """Return the probability of a loss beyond the level: 0.01 for a level of 0.99.

    Raises
    ------
    InputError
        If the level is not from 0.5 to below 1, such as 0.01 where 0.99 is meant.
    """
    if not 0.5 <= level < 1:
        raise InputError(
            f"A level of VaR or ES is the share of days within it, from 0.5 to below 1, not {level:g}; write "
            "0.99 for 99 %."
        )
    return 1.0 - level


def _together(**named: npt.ArrayLike) -> list[Floats]:
    """Return the arrays as float64 in their common shape, or say which does not fit."""
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in named.items()}
    for name, values in arrays.items():
        lost = int(values.size - np.isfinite(values).sum())
        if lost:
            raise InputError(
                f"{name} is missing or infinite in {lost} of {values.size} places; drop those rows from all."
            )
    try:
        return [np.asarray(found) for found in np.broadcast_arrays(*arrays.values())]
    except ValueError as error:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
        raise InputError(f"The shapes do not fit together: {shapes}; give one value a forecast.") from error


def _refuse(wrong: npt.NDArray[np.bool_], values: Floats, what: str, mend: str) -> None:
    found = values[wrong] if values.ndim else (values[None] if wrong else values[None][:0])
    if len(found):
        raise InputError(f"{what} in {len(found)} of {values.size} places, such as {found[0]:g}; {mend}.")
