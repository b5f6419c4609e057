"""What a network or a boosted tree sees at a bar: numbers free of price level, from the past only.

Every feature has a finite memory (:data:`MEMORY` bars), so that those of new bars follow from the tail of the
history and equal, to rounding, those computed from all of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.histories.market.bars import Bars
from bezant.histories.market.variance import best_variance, overnight, parkinson, rogers_satchell
from bezant.types import AnyArray, FloatArray, InputError, IntArray

DECAY = 0.94
"""Of the exponentially weighted variance that moves are measured in (RiskMetrics 1996, daily)."""
SPAN, QUARTER = 252, 66
MEMORY = SPAN + QUARTER + 1
"""Bars that a feature may look back on, its own included: moves of all assets over a quarter, each in units
of its own year, and one more for returns."""
WINDOWS = (1, 5, 22, QUARTER, SPAN)
VARIANCE_WINDOWS = (1, 2, 5, 10, 22, QUARTER, SPAN)
FALLS = (1, 5, 22)
FEWEST = 5
"""Bars behind a mean of several; where there are fewer the feature is missing."""
LEAST = 0.05
"""Least variance of the scale, as a share of the mean of the last SPAN squared changes."""
FLOOR = 1e-12
"""Least variance that a logarithm is taken of: a move of a millionth."""
LOWEST = 0.02
"""The same as a share of the year's mean: a close that did not move."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of every bar, in the order of the bars.

    Attributes
    ----------
    names : tuple of str
        k of them.
    values : float32 array of shape (m, k)
        NaN where too few bars are behind.
    scale : float32 array of shape (m,)
        Volatility of one bar's change as known at its close: what targets and moves are divided by. NaN
        in the first bars, and where nothing moved for a year.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.scale), len(self.names)) or self.values.dtype != np.float32:
            raise InputError(
                f"Features of the shape {self.values.shape} do not fit {len(self.scale)} bars and "
                f"{len(self.names)} names."
            )

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whether all features of a bar are there, shape (m,)."""
        return np.isfinite(self.values).all(axis=1) & np.isfinite(self.scale)


def market_features(bars: Bars) -> Features:
    """Return the features of all bars.

    Logarithms of variance over 1, 2, 5, 10, 22 and 66 bars and exponentially weighted, relative to a year's,
    and its level; moves in units of volatility and their falling part (leverage); the distance from a year's
    high; days since the bar before, and the day of the week. With ranges: place of the close in the range,
    gap overnight, and how Parkinson's and Rogers-Satchell's variance differ from Garman-Klass's. With volume:
    its logarithm over the mean of a month. Covariates c as arsinh(c), a logarithm where they are large.

    Last, of all assets that have a bar at the same time: the mean of their variances relative to a year's, of
    their levels, and the falls of their mean move. One share's squared change says little of its variance,
    twenty say much.

    Parameters
    ----------
    bars : Bars
        Bars of one time must have closed at one moment, since each sees the others.

    Returns
    -------
    Features
    """
    parts = [_of_asset(bars.take(np.arange(span.start, span.stop))) for span in bars.spans()]
    own = {name: np.concatenate([columns[name] for columns, _ in parts]) for name in parts[0][0]}
    scale = np.concatenate([scale for _, scale in parts])
    columns = own | _of_all(bars, own)
    values = np.column_stack(list(columns.values()))
    return Features(tuple(columns), values.astype(np.float32), scale.astype(np.float32))


def latest_features(bars: Bars, count: int = 1) -> Features:
    """Return the features of each asset's last ``count`` bars, from the tail of the history only.

    Parameters
    ----------
    bars : Bars
    count : int, default 1

    Returns
    -------
    Features
        In the order of ``bars.tail(count)``.
    """
    tail = bars.tail(count + MEMORY)
    found = market_features(tail)
    kept = np.arange(len(tail)) >= tail.offsets[1:][tail.owner] - count
    return Features(found.names, found.values[kept], found.scale[kept])


def _of_asset(bars: Bars) -> tuple[dict[str, FloatArray], FloatArray]:
    """Return named columns, and the volatility, of the bars of one asset."""
    change, variance = bars.returns, best_variance(bars)
    scale = _volatility(change)
    columns = _levels(variance) | _moves(bars, change, variance, scale) | _calendar(bars, change)
    columns["volatility"] = 2 * np.log(scale) - columns["variance_level"]
    if bars.has_ranges and bars.change == "log":
        columns |= _of_ranges(bars, variance, scale)
    if bars.volume is not None:
        columns["volume"] = np.log1p(bars.volume) - np.log1p(rolling_mean(bars.volume, 22))
    return columns | {name: np.arcsinh(values) for name, values in bars.covariates.items()}, scale


def _levels(variance: FloatArray) -> dict[str, FloatArray]:
    year = np.maximum(rolling_mean(variance, SPAN), FLOOR)
    relative = {
        f"variance_{w}": np.log(np.maximum(rolling_mean(variance, w) / year, LOWEST))
        for w in VARIANCE_WINDOWS[:-1]
    }
    return relative | {"variance_level": np.log(year)}


def _moves(bars: Bars, change: FloatArray, variance: FloatArray, scale: FloatArray) -> dict[str, FloatArray]:
    columns: dict[str, FloatArray] = {}
    for w in WINDOWS:
        columns[f"move_{w}"] = rolling_mean(change, w) * math.sqrt(w) / scale
    year = np.maximum(rolling_mean(variance, SPAN), FLOOR)
    unit = np.sqrt(np.maximum(rolling_mean(variance, QUARTER), LOWEST * year))
    for w in FALLS:
        columns[f"fall_{w}"] = rolling_mean(np.minimum(change, 0.0), w) * math.sqrt(w) / unit
    level = np.nancumsum(change)
    columns["from_high"] = (level - _rolling_max(level, SPAN)) / (scale * math.sqrt(SPAN))
    return columns


def _calendar(bars: Bars, change: FloatArray) -> dict[str, FloatArray]:
    days = np.diff(bars.time, prepend=bars.time[:1]) / np.timedelta64(1, "D")
    columns = {"days": np.where(np.isfinite(change), np.log1p(days), np.nan)}
    turn = 2 * math.pi * (bars.time.astype("datetime64[D]").astype(np.int64) % 7) / 7
    # Two waves and their mean tell five weekdays apart.
    for k in (1, 2):
        columns |= {f"weekday_{k}a": np.sin(k * turn), f"weekday_{k}b": np.cos(k * turn)}
    return columns


def _of_all(bars: Bars, own: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Return columns that are the same for all bars of one time, and one that sets an asset beside them."""
    _, time = np.unique(bars.time, return_inverse=True)
    columns = {}
    for name in ("volatility", *(f"variance_{w}" for w in VARIANCE_WINDOWS[:-1])):
        columns[f"all_{name}"] = np.log(_mean_of_time(np.exp(own[name]), time))[time]
    year = np.exp(-0.5 * own["variance_level"])
    move = _mean_of_time(bars.returns * year, time)
    for w in FALLS:
        columns[f"all_fall_{w}"] = (rolling_mean(np.minimum(move, 0.0), w) * math.sqrt(w))[time]
    columns["all_level"] = _mean_of_time(own["variance_level"], time)[time]
    return columns


def _mean_of_time(values: FloatArray, time: IntArray) -> FloatArray:
    """Return the mean over the bars of each time of what is there, shape (t,)."""
    there = np.isfinite(values)
    count = np.bincount(time[there], minlength=int(time.max()) + 1)
    total = np.bincount(time[there], values[there], minlength=len(count))
    mean: FloatArray = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return mean


def _of_ranges(bars: Bars, variance: FloatArray, scale: FloatArray) -> dict[str, FloatArray]:
    assert bars.high is not None and bars.low is not None  # has_ranges
    width = bars.high - bars.low
    place = np.divide(bars.close - bars.low, width, out=np.full(len(bars), 0.5), where=width > 0)
    log = np.log(np.maximum(variance, FLOOR))
    return {
        "place": place - 0.5,
        "overnight": overnight(bars) / scale,
        "parkinson": np.log(np.maximum(parkinson(bars), FLOOR)) - log,
        "rogers_satchell": np.log(np.maximum(rogers_satchell(bars), FLOOR)) - log,
    }


def _volatility(change: FloatArray) -> FloatArray:
    """Exponentially weighted volatility over the last SPAN changes; weights sum to 1 from the start.

    Prices that stand still for weeks do not make a later move infinite: a share of the year's mean is least.
    """
    squares = change**2
    variance = np.maximum(_weighted(squares, DECAY ** np.arange(SPAN)), LEAST * rolling_mean(squares, SPAN))
    return np.where(variance > 0, np.sqrt(variance), np.nan)


def rolling_mean(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of the last ``window`` values that are there, shape (m,), over one asset's bars.

    Parameters
    ----------
    values : float array of shape (m,)
        NaN where missing.
    window : int
        Bars, the row's own included.

    Returns
    -------
    float array of shape (m,)
        NaN where fewer than 5 (or ``window``, if that is less) are there.
    """
    return _weighted(values, np.ones(window))


def _weighted(values: FloatArray, weights: FloatArray) -> FloatArray:
    there = np.isfinite(values)
    filled = np.where(there, values, 0.0)
    total = np.convolve(filled, weights)[: len(values)]
    weight = np.convolve(there.astype(np.float64), weights)[: len(values)]
    count = np.convolve(there.astype(np.float64), np.ones(len(weights)))[: len(values)]
    enough = count > min(FEWEST, len(weights)) - 0.5
    mean: FloatArray = np.divide(total, weight, out=np.full(len(values), np.nan), where=enough)
    return mean


def _rolling_max(values: FloatArray, window: int) -> FloatArray:
    padded: AnyArray = np.concatenate([np.full(window - 1, -np.inf), values])
    highest: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, window).max(axis=1)
    return highest
