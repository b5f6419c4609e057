"""VaR and ES of a distribution: of scenarios, of a normal or Student's t one, or of predicted quantiles.

Losses are positive everywhere. Scenarios are gains (profit and loss), so that a VaR of 3 means that a gain of
-3 or worse comes in one minus ``level`` of the scenarios.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats
from bezant.metrics.market.losses import tail_of
from bezant.schema.words import counted
from bezant.types import InputError

SMALL = 1e-9
"""Shapes of a tail below it are nought: dividing by them would leave rounding alone."""


def tail_weights(gains: npt.ArrayLike, level: float, weights: npt.ArrayLike | None = None) -> Floats:
    """Return each scenario's weight in the ES: losses times these weights sum to it.

    The worst scenarios get their probability over ``1 - level`` until that is used up; the scenario at which
    this happens is the VaR and gets what is left.

    Parameters
    ----------
    gains : array-like of shape (S,)
        Gain in each scenario.
    level : float
        From 0.5 to below 1.
    weights : array-like of shape (S,), optional
        Probabilities of the scenarios, such as fading with age; equal if not given. They are scaled to sum
        to 1.

    Returns
    -------
    float64 array, shape (S,), at least 0, summing to 1

    References
    ----------
    Acerbi and Tasche (2002), "On the coherence of expected shortfall", Journal of Banking and Finance 26,
    for ES where scenarios tie or do not divide the tail evenly.
    """
    order, taken, _ = _worst_first(gains, level, weights)
    found = np.zeros(len(order))
    found[order] = taken
    return found / tail_of(level)


def value_at_risk(gains: npt.ArrayLike, level: float, weights: npt.ArrayLike | None = None) -> float:
    """Return the VaR of scenarios: the least loss whose worse ones have together at most ``1 - level``.

    Parameters
    ----------
    gains : array-like of shape (S,)
    level : float
        Such as 0.99.
    weights : array-like of shape (S,), optional
        Probabilities; equal if not given.

    Raises
    ------
    InputError
        If there are no scenarios, one is missing, or level or weights are out of range.
    """
    order, _, last = _worst_first(gains, level, weights)
    return -float(np.asarray(gains, dtype=np.float64)[order[last]])


def expected_shortfall(gains: npt.ArrayLike, level: float, weights: npt.ArrayLike | None = None) -> float:
    """Return the ES of scenarios: the mean loss of the worst ``1 - level``; parameters as for the VaR."""
    return -float(tail_weights(gains, level, weights) @ np.asarray(gains, dtype=np.float64))


def _worst_first(
    gains: npt.ArrayLike, level: float, weights: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.intp], Floats, int]:
    """Return scenarios from the worst on, how much of the tail each takes, and the place of the VaR."""
    tail, values = tail_of(level), np.asarray(gains, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        lost = int(values.size - np.isfinite(values).sum())
        raise InputError(
            f"The scenarios have the shape {values.shape} and {lost} are missing; give one finite gain each."
        )
    order = np.argsort(values, kind="stable")
    probability = _probabilities(weights, len(values))[order]
    reached = np.cumsum(probability)
    before = np.append(0.0, reached[:-1])
    # A billionth of the tail: sums of equal weights miss their round values by rounding.
    last = int(np.searchsorted(reached, tail * (1 - 1e-9)))
    taken = np.clip(np.minimum(probability, tail - before), 0, None)
    taken[last + 1 :] = 0
    return order, taken * (tail / taken.sum()), last


def _probabilities(weights: npt.ArrayLike | None, rows: int) -> Floats:
    if weights is None:
        return np.full(rows, 1 / rows)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (rows,) or not np.isfinite(given).all() or (given < 0).any() or not given.sum() > 0:
        raise InputError(
            f"The weights of {counted(rows, 'scenario')} have the shape {given.shape} or are no "
            "probabilities; give one number of at least 0 each, not all 0."
        )
    return np.asarray(given / given.sum())


def normal_risk(
    volatility: npt.ArrayLike, level: float, *, mean: npt.ArrayLike = 0.0
) -> tuple[Floats, Floats]:
    """Return VaR and ES of a normal distribution: 2.3263 at 99 %, 2.3378 (ES) at 97.5 % of a unit volatility.

    Parameters
    ----------
    volatility, mean : array-like of shapes that broadcast
        Standard deviation and mean of the gain.
    level : float
    """
    from scipy.stats import norm

    tail, sd = tail_of(level), np.asarray(volatility, dtype=np.float64)
    z = float(norm.isf(tail))
    shift = np.asarray(mean, dtype=np.float64)
    return np.asarray(z * sd - shift), np.asarray(float(norm.pdf(z)) / tail * sd - shift)


def student_risk(
    volatility: npt.ArrayLike, level: float, *, degrees: float, mean: npt.ArrayLike = 0.0
) -> tuple[Floats, Floats]:
    """Return VaR and ES of Student's t, scaled to the given standard deviation (as GARCH-t forecasts it).

    Parameters
    ----------
    volatility, mean : array-like of shapes that broadcast
        Standard deviation (not scale) and mean of the gain.
    level : float
    degrees : float
        Degrees of freedom, above 2.

    References
    ----------
    McNeil, Frey and Embrechts (2015), "Quantitative risk management", example 2.15.
    """
    from scipy.stats import t

    if not degrees > 2:
        raise InputError(
            f"Student's t with {degrees:g} degrees of freedom has no variance; give more than 2."
        )
    tail = tail_of(level)
    scale = np.asarray(volatility, dtype=np.float64) * math.sqrt((degrees - 2) / degrees)
    q = float(t.isf(tail, degrees))
    shortfall = float(t.pdf(q, degrees)) / tail * (degrees + q * q) / (degrees - 1)
    shift = np.asarray(mean, dtype=np.float64)
    return np.asarray(q * scale - shift), np.asarray(shortfall * scale - shift)


def quantile_risk(
    quantiles: npt.ArrayLike, levels: npt.ArrayLike, level: float, *, shape: float = 0.2
) -> tuple[Floats, Floats]:
    """Return VaR and ES of predicted quantiles of the gain.

    Up to the second lowest quantile the loss follows a generalised Pareto tail through the lowest two, so
    that levels beyond the lowest quantile and the ES have values; above it, straight lines.

    Parameters
    ----------
    quantiles : array-like of shape (..., q)
        Predicted quantiles of the gain, not crossing.
    levels : array-like of shape (q,)
        Rising, at least two, such as 0.005, 0.01, 0.025, 0.05, 0.1; the highest at least ``1 - level``.
    level : float
        Such as 0.99.
    shape : float, default 0.2
        Shape of the tail in [0, 1): about 0.2 to 0.3 for daily returns of shares, 0 for an exponential tail.
        It decides what lies beyond the lowest quantile, and nothing in the data of one forecast can.

    Returns
    -------
    var, es : float64 arrays of shape (...)

    Raises
    ------
    InputError
        If quantiles cross or are missing, levels do not rise or do not reach ``1 - level``, or ``shape`` is
        out of range.
    """
    tail, at = tail_of(level), np.asarray(levels, dtype=np.float64)
    losses = -np.asarray(quantiles, dtype=np.float64)
    _check_quantiles(losses, at, tail, shape)
    first, second = losses[..., 0], losses[..., 1]
    # Loss at probability u: second + scale * k(u), which is first at the lowest level.
    scale = (first - second) / _pareto(at[0] / at[1], shape)
    if tail <= at[1]:
        ratio = tail / at[1]
        return second + scale * _pareto(ratio, shape), second + scale * _mean_pareto(ratio, shape)
    beyond = at[1] * (second + scale * _mean_pareto(1.0, shape))
    stop = int(np.searchsorted(at, tail))
    share = (tail - at[stop - 1]) / (at[stop] - at[stop - 1])
    var = losses[..., stop - 1] * (1 - share) + losses[..., stop] * share
    knots = np.append(at[1:stop], tail)
    heights = np.concatenate([losses[..., 1:stop], var[..., None]], axis=-1)
    return var, (beyond + np.trapezoid(heights, knots, axis=-1)) / tail


def _check_quantiles(losses: Floats, at: Floats, tail: float, shape: float) -> None:
    if at.ndim != 1 or len(at) < 2 or losses.shape[-1:] != at.shape or not (np.diff(at) > 0).all():
        raise InputError(
            f"Quantiles of shape {losses.shape} need {losses.shape[-1] if losses.ndim else 0} rising levels, "
            f"at least two; {at.size} are given."
        )
    if not (at[0] > 0 and at[-1] >= tail - 1e-12):
        raise InputError(
            f"The levels end at {at[-1]:g} and a tail of {tail:g} is asked; forecast that level."
        )
    wrong = int((~(np.diff(losses, axis=-1) <= 1e-12).all(axis=-1)).sum())
    if wrong:
        raise InputError(f"Quantiles cross or are missing in {wrong} forecasts; sort or drop them.")
    if not 0 <= shape < 1:
        raise InputError(f"The shape of the tail is {shape:g}; give a number from 0 to below 1.")


def _pareto(ratio: float, shape: float) -> float:
    """Return the excess of a unit generalised Pareto distribution that is exceeded with ``ratio``."""
    return -math.log(ratio) if shape < SMALL else math.expm1(-shape * math.log(ratio)) / shape


def _mean_pareto(ratio: float, shape: float) -> float:
    """Return its mean over all probabilities below ``ratio``."""
    if shape < SMALL:
        return 1 - math.log(ratio)
    return (math.expm1(-shape * math.log(ratio)) / shape + 1) / (1 - shape)
