"""The answer of every model of markets: the distribution of the change over each horizon, at each origin."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bezant.histories.market import Bars
from bezant.traditional.markets.tails import up_of
from bezant.types import FloatArray, InputError, IntArray

HORIZONS = (1, 5, 21)
"""Bars ahead: a day, a week and a month of daily ones."""
LEVELS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995)
"""Probabilities of the quantiles."""


@dataclass(frozen=True, eq=False)
class MarketForecast:
    """Distributions of the change from n origins over h horizons, in the unit of the bars' returns.

    Parameters
    ----------
    rows : int array of shape (n,)
        Rows of the bars whose close is the last thing known.
    horizons : tuple of int
        Bars ahead; the change is the sum over all of them.
    levels : tuple of float
        q rising probabilities between 0 and 1.
    mean, variance : float64 arrays of shape (n, h)
        Of the whole change, so that variance grows with the horizon.
    quantiles : float64 array of shape (n, h, q)
        They do not fall with the level.
    shortfall : float64 array of shape (n, h, q)
        Mean of the change where it lies at or below the quantile; minus the expected shortfall of a long
        position.
    up : float64 array of shape (n, h)
        Probability of a change above 0.

    Raises
    ------
    InputError
        If shapes differ, a value is missing, a variance is not positive or quantiles cross.
    """

    rows: IntArray
    horizons: tuple[int, ...]
    levels: tuple[float, ...]
    mean: FloatArray
    variance: FloatArray
    quantiles: FloatArray
    shortfall: FloatArray
    up: FloatArray

    def __post_init__(self) -> None:
        refuse_levels(self.levels)
        flat = (len(self.rows), len(self.horizons))
        deep = (*flat, len(self.levels))
        parts = {"mean": flat, "variance": flat, "up": flat, "quantiles": deep, "shortfall": deep}
        for name, shape in parts.items():
            values = getattr(self, name)
            if values.shape != shape:
                raise InputError(f"A forecast's {name} has the shape {values.shape} instead of {shape}.")
            if not np.isfinite(values).all():
                lost = int((~np.isfinite(values)).any(axis=tuple(range(1, values.ndim))).sum())
                raise InputError(
                    f"A forecast's {name} is missing or infinite at {lost} of {flat[0]} origins."
                )
        if (self.variance <= 0).any():
            raise InputError(
                f"A variance is not positive at {int((self.variance <= 0).any(1).sum())} origins."
            )
        if (np.diff(self.quantiles, axis=2) < 0).any() or (self.shortfall > self.quantiles).any():
            raise InputError("Quantiles of a forecast cross, or a shortfall lies above its quantile.")
        if (self.up < 0).any() or (self.up > 1).any():
            raise InputError("A probability of up lies outside 0 to 1.")

    def __len__(self) -> int:
        """Return the number of origins."""
        return len(self.rows)

    def take(self, places: IntArray, rows: IntArray | None = None) -> MarketForecast:
        """Return the forecasts at some places (0 to n - 1), with other row numbers if given."""
        arrays = {name: getattr(self, name)[places] for name in ARRAYS}
        return dataclasses.replace(self, rows=self.rows[places] if rows is None else rows, **arrays)

    def moved(self, mean: FloatArray) -> MarketForecast:
        """Return the same distributions about other means, shape (n, h)."""
        step = mean - self.mean
        quantiles, shortfall = (part + step[..., None] for part in (self.quantiles, self.shortfall))
        up = self.up + up_of(quantiles, self.levels) - up_of(self.quantiles, self.levels)
        return dataclasses.replace(
            self, mean=mean, quantiles=quantiles, shortfall=shortfall, up=np.clip(up, 0.0, 1.0)
        )

    def at(self, level: float) -> int:
        """Return the place of a level.

        Raises
        ------
        InputError
            If it is none of them.
        """
        near = np.flatnonzero(np.isclose(self.levels, level, rtol=0, atol=1e-9))
        if not len(near):
            raise InputError(f"{level:g} is not among the levels {', '.join(f'{v:g}' for v in self.levels)}.")
        return int(near[0])


ARRAYS = ("mean", "variance", "quantiles", "shortfall", "up")
"""Names of the arrays that a forecast consists of."""


def refuse_levels(levels: Sequence[float]) -> None:
    """Raise an :class:`~bezant.types.InputError` unless levels rise and lie between 0 and 1."""
    values = np.asarray(levels, np.float64)
    if not len(values) or (np.diff(values) <= 0).any() or values[0] <= 0 or values[-1] >= 1:
        raise InputError(f"Levels rise from above 0 to below 1; {tuple(levels)} do not.")


def stacked(parts: Sequence[MarketForecast]) -> MarketForecast:
    """Return forecasts of different origins as one, in the order given."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", *ARRAYS)
    }
    return dataclasses.replace(parts[0], **arrays)


def combined(parts: Sequence[MarketForecast], weights: Sequence[float] | None = None) -> MarketForecast:
    """Return the weighted mean of several models' forecasts of the same origins.

    Quantiles are averaged at each level, which keeps the shape of a distribution where mixing densities
    would widen it.

    Parameters
    ----------
    parts : sequence of MarketForecast
        The same rows, horizons and levels.
    weights : sequence of float, default equal
        At least 0, of sum 1.

    Raises
    ------
    InputError
        If the parts are not of the same origins, or weights are no weights.

    References
    ----------
    Lichtendahl, Grushka-Cockayne and Winkler (2013), "Is it better to average probabilities or quantiles?",
    Management Science 59(7).
    """
    share = np.full(len(parts), 1 / len(parts)) if weights is None else np.asarray(weights, np.float64)
    if share.shape != (len(parts),) or (share < 0).any() or abs(share.sum() - 1) > 1e-9:
        raise InputError(f"Weights of {len(parts)} forecasts are at least 0 and add up to 1.")
    first = parts[0]
    for other in parts[1:]:
        same = (other.horizons, other.levels) == (first.horizons, first.levels)
        if not same or not np.array_equal(other.rows, first.rows):
            raise InputError("Forecasts of other origins, horizons or levels cannot be averaged.")
    arrays: dict[str, Any] = {
        name: sum(w * getattr(part, name) for w, part in zip(share, parts, strict=True)) for name in ARRAYS
    }
    return dataclasses.replace(first, **arrays)


def by_asset(
    bars: Bars, rows: IntArray, answer: Callable[[str, Bars, IntArray], MarketForecast]
) -> MarketForecast:
    """Ask for the forecasts of one asset after the other and put them back into the order asked for.

    Parameters
    ----------
    bars : Bars
    rows : int array of shape (n,)
        Origins, in any order.
    answer : callable
        From an asset's name, its bars up to its last origin, and the origins as rows of those bars.
    """
    owner = bars.owner[rows]
    parts, places = [], []
    for asset in np.unique(owner):
        place = np.flatnonzero(owner == asset)
        start, local = int(bars.offsets[asset]), rows[place] - bars.offsets[asset]
        own = bars.take(np.arange(start, start + int(local.max()) + 1))
        parts.append(answer(str(bars.assets[asset]), own, local))
        places.append(place)
    back = np.argsort(np.concatenate(places))
    return stacked(parts).take(back, rows=np.asarray(rows))
