"""Longer bars from shorter ones, with the realised variance that the shorter ones show."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from bezant.histories.market.bars import Bars
from bezant.histories.market.variance import REALISED
from bezant.types import AnyArray, FloatArray, InputError, IntArray

Period = Literal["day", "week", "month", "quarter"]


def coarser(bars: Bars, every: Period, *, overnight: bool = True) -> Bars:
    """Make bars of a day, week, month or quarter, each with the sum of squared changes within it.

    Parameters
    ----------
    bars : Bars
        Shorter ones: minutes, hours, days. An asset whose times are not all at midnight has bars within the
        day, and the one that closes at midnight ends the day before. Days that are made of those close at
        midnight and can't be told from dates: make weeks and months from the shorter bars at once.
    every : {"day", "week", "month", "quarter"}
        Weeks begin on Monday.
    overnight : bool, default True
        Whether the change from the last bar of the period before counts for the realised variance: then it
        is one of the change from close to close. Without it, it is that of trading hours.

    Returns
    -------
    Bars
        Timed by their last short bar. The last one may be of a period that has not ended: leave it out, or
        wait, before it is taken for a whole one. Within a period, prices are adjusted to its last bar.
        ``covariates["realised_variance"]`` is NaN where no change is known; other covariates are those of
        the last bar. Where the shorter bars have a realised variance themselves, it is added up.

    References
    ----------
    Andersen, Bollerslev, Diebold and Labys (2003), "Modeling and forecasting realized volatility", sec. 2.
    """
    key = _period(bars, every)
    new = np.append(True, (np.diff(key) != 0) | (np.diff(bars.owner) != 0))
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(bars)) - 1
    scale = _scale(bars, last, np.diff(np.append(first, len(bars))))
    counts = np.bincount(bars.owner[first], minlength=len(bars.assets))
    covariates = {name: values[last] for name, values in bars.covariates.items()}
    return dataclasses.replace(
        bars,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        time=bars.time[last],
        close=bars.close[last],
        open=None if bars.open is None else (bars.open * scale)[first],
        high=None if bars.high is None else np.fmax.reduceat(bars.high * scale, first),
        low=None if bars.low is None else np.fmin.reduceat(bars.low * scale, first),
        volume=None if bars.volume is None else np.add.reduceat(bars.volume, first),
        factor=None if bars.factor is None else bars.factor[last],
        covariates=covariates | {REALISED: _realised(bars, new, first, overnight)},
    )


def _period(bars: Bars, every: Period) -> IntArray:
    time = _within(bars)
    days = time.astype("datetime64[D]").astype(np.int64)
    months = time.astype("datetime64[M]").astype(np.int64)
    keys = {"day": days, "week": (days + 3) // 7, "month": months, "quarter": months // 3}
    if every not in keys:
        raise InputError(f"Bars become those of a {', '.join(keys)}, not of {every!r}.")
    return keys[every]


def _within(bars: Bars) -> AnyArray:
    """Return a time within each bar: a close at midnight after bars within the day is of the day before."""
    clock = bars.time != bars.time.astype("datetime64[D]")
    intraday = np.logical_or.reduceat(clock, bars.offsets[:-1])[bars.owner]
    within: AnyArray = bars.time - intraday.astype("timedelta64[us]")
    return within


def _scale(bars: Bars, last: IntArray, sizes: IntArray) -> FloatArray:
    """What brings each bar's prices to the share of the last bar of its period."""
    if bars.factor is None:
        return np.ones(len(bars))
    return bars.factor / np.repeat(bars.factor[last], sizes)


def _realised(bars: Bars, new: np.ndarray, first: IntArray, overnight: bool) -> FloatArray:
    squares = bars.covariates.get(REALISED, bars.returns**2)
    counted = np.isfinite(squares) & (overnight | ~new | (REALISED in bars.covariates))
    total = np.add.reduceat(np.where(counted, squares, 0.0), first)
    return np.where(np.add.reduceat(counted, first) > 0, total, np.nan)
