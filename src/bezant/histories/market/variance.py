"""What a bar tells of the variance of its own stretch of time; formulas by row, nothing ahead of it."""

from __future__ import annotations

import math

import numpy as np

from bezant.histories.market.bars import Bars
from bezant.types import FloatArray, InputError

REALISED = "realised_variance"
"""Covariate that :func:`~bezant.histories.market.coarser` writes."""


def parkinson(bars: Bars) -> FloatArray:
    """Return the variance by the range, log(high / low)^2 / (4 log 2), shape (m,).

    References
    ----------
    Parkinson (1980), "The extreme value method for estimating the variance of the rate of return", eq. 8.
    """
    _, high, low = _ranges(bars)
    return (high - low) ** 2 / (4.0 * math.log(2.0))


def garman_klass(bars: Bars) -> FloatArray:
    """Return the variance by range and body, (h - l)^2 / 2 - (2 log 2 - 1) c^2 in logarithms, shape (m,).

    It is of the time from open to close: the gap overnight is not in it. Never negative; 0 where a bar has
    a single price.

    References
    ----------
    Garman and Klass (1980), "On the estimation of security price volatilities", eq. 20.
    """
    open_, high, low = _ranges(bars)
    body = np.log(bars.close) - open_
    return 0.5 * (high - low) ** 2 - (2.0 * math.log(2.0) - 1.0) * body**2


def rogers_satchell(bars: Bars) -> FloatArray:
    """Return the variance by range that holds under any drift, shape (m,).

    References
    ----------
    Rogers and Satchell (1991), "Estimating variance from high, low and closing prices", eq. 2.
    """
    open_, high, low = _ranges(bars)
    close = np.log(bars.close)
    return (high - close) * (high - open_) + (low - close) * (low - open_)


def overnight(bars: Bars) -> FloatArray:
    """Return the log change from the close before to the open, of adjusted prices, shape (m,)."""
    open_, _, _ = _ranges(bars)
    return bars.returns - (np.log(bars.close) - open_)


def squared_returns(bars: Bars) -> FloatArray:
    """Return squared changes, shape (m,); NaN in each asset's first row."""
    return bars.returns**2


def best_variance(bars: Bars) -> FloatArray:
    """Return the sharpest measure that each bar allows, shape (m,).

    Realised variance from bars within the period, else Garman-Klass, else the squared return. Levels differ
    between measures (of an index, Garman-Klass is half to two thirds of squared returns): bring forecasts to
    that of returns by the ratio of past means. It is decided bar by bar, so that a later one without a range
    changes nothing of the ones before.
    """
    best = squared_returns(bars)
    measures = [garman_klass(bars)] if bars.has_ranges and bars.change == "log" else []
    measures += [bars.covariates[REALISED]] if REALISED in bars.covariates else []
    for measure in measures:
        best = np.where(np.isfinite(measure), measure, best)
    return best


def _ranges(bars: Bars) -> tuple[FloatArray, FloatArray, FloatArray]:
    if bars.open is None or bars.high is None or bars.low is None or bars.change != "log":
        raise InputError(
            f"The {len(bars)} bars have no open, high and low of prices; take squared returns instead."
        )
    return np.log(bars.open), np.log(bars.high), np.log(bars.low)
