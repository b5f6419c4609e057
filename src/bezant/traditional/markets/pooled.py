"""One gamma regression of the variance ahead on features of bars, for all assets together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from bezant.histories.market import Bars, Features, best_variance, market_features, sum_ahead
from bezant.schema.words import counted
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast
from bezant.traditional.markets.har import MOST, gamma_regression
from bezant.traditional.markets.model import fitted_for, refuse_short
from bezant.traditional.markets.tails import empirical
from bezant.traditional.model import refuse_unfitted
from bezant.types import AnyArray, BoolArray, FloatArray, InputError, IntArray

FEWEST = 250
FAR = 5.0
"""Deviations from the mean that a feature is cut off at."""
SELDOM = 0.9
"""Share of origins at which a feature must be known to take part in the first of two regressions."""
PRIOR = 300.0
"""Origins that say as much as the prior belief, of no effect of any feature beyond the volatility."""
FARTHEST = 20.0
"""Deviations that a past change counts for at most."""
LEAST_SHARE = 1e-4
"""Least variance of a target, as a share of the squared volatility."""


@dataclass(frozen=True, eq=False)
class LinearVariance:
    """The logarithm of the variance as a linear function of standardised features.

    Attributes
    ----------
    centre, spread : float arrays of shape (k,)
    coefficients : float array of shape (k + 1, h)
        Intercepts first; of the mean variance of a bar, over the squared volatility at the origin.
    """

    centre: FloatArray
    spread: FloatArray
    coefficients: FloatArray

    def __post_init__(self) -> None:
        if len(self.coefficients) != len(self.centre) + 1 or len(self.spread) != len(self.centre):
            raise InputError(
                f"{len(self.coefficients)} coefficients do not fit {len(self.centre)} features and a "
                "constant."
            )

    @classmethod
    def solve(
        cls,
        values: AnyArray,
        targets: FloatArray,
        relative: BoolArray,
        offsets: FloatArray | None = None,
        scale: tuple[FloatArray, FloatArray] | None = None,
    ) -> LinearVariance:
        """Fit by the gamma likelihood, whose loss is QLIKE.

        A feature that is seldom known (a covariate that begins late) would be judged by the few rows that
        know it: it takes part in a second regression, on those rows, of what the first one leaves.

        Parameters
        ----------
        values : float array of shape (n, k)
            Features, NaN where missing.
        targets : float array of shape (n, h)
            Mean variances ahead over the squared volatility, NaN where not known.
        relative : bool array of shape (k,)
            Features that the second regression sees again beside the seldom known ones: what the first
            one's variance is measured in.
        offsets : float array of shape (n, h), default 0
            Added to the logarithm, not learned.
        scale : pair of float arrays of shape (k,), optional
            Centre and spread of the features; those of the values if not given.
        """
        centre, spread = scale or _scale_of(values)
        x = _standardised(values, centre, spread)
        there = np.isfinite(values)
        often = there.mean(axis=0) >= SELDOM
        complete = there[:, ~often].all(axis=1)
        offsets = np.zeros(targets.shape) if offsets is None else offsets
        found = np.zeros((x.shape[1] + 1, targets.shape[1]))
        for k, target in enumerate(targets.T):
            known = np.isfinite(target)
            places = np.concatenate([[True], often])
            found[places, k] = _regression(x[:, often], target, offsets[:, k], known)
            if not often.all() and (known & complete).sum() >= FEWEST:
                found[:, k] = _second(
                    x, target, offsets[:, k], known & complete, found[:, k], ~often, relative
                )
        return cls(centre, spread, found)

    def logarithm(self, values: AnyArray) -> FloatArray:
        """Return the logarithm of the mean variance over the squared volatility, shape (n, h)."""
        x = _standardised(values, self.centre, self.spread)
        answer: FloatArray = self.coefficients[0] + x @ self.coefficients[1:]
        return answer


def variance_targets(bars: Bars, scale: AnyArray, horizons: Sequence[int]) -> FloatArray:
    """Return the mean variance of a bar over each horizon ahead, over the squared volatility, (m, h).

    By the sharpest measure; between a ten-thousandth and a hundred, which is a move of ten deviations.
    """
    variance = np.nan_to_num(best_variance(bars))
    square = np.asarray(scale, np.float64) ** 2
    columns = []
    for horizon in horizons:
        ahead = np.concatenate([sum_ahead(variance[span], horizon) for span in bars.spans()])
        columns.append(np.clip(ahead / (square * horizon), LEAST_SHARE, MOST))
    return np.stack(columns, axis=1)


def known_rows(seen: Features) -> BoolArray:
    """Return whether the volatility and the last move of a bar are known, shape (m,)."""
    last = seen.values[:, seen.names.index("variance_1")]
    return np.asarray(np.isfinite(seen.scale) & np.isfinite(last))


def of_volatility(names: Sequence[str]) -> BoolArray:
    """Return which features together say the squared volatility that targets are measured in, shape (k,)."""
    return np.isin(names, ("volatility", "variance_level"))


class PooledGamma:
    """The gamma regression of :class:`~bezant.traditional.markets.Har` with all that features know.

    Coefficients are shared; each asset keeps its own level of squared returns over the measure of variance
    and its own distribution of changes in units of the volatility that was forecast.

    References
    ----------
    Bollerslev, Hood, Huss and Pedersen (2018), "Risk everywhere: modeling and managing volatility", Review of
    Financial Studies 31(7), on pooling assets and a common volatility.
    """

    key: ClassVar[str] = "pooled_gamma"
    name: ClassVar[str] = "Gamma regression, all assets"

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Regress on all origins whose horizon has ended."""
        refuse_short(bars, FEWEST + max(horizons), self.name)
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        seen = market_features(bars)
        self.names_ = seen.names
        usable = known_rows(seen)
        targets = variance_targets(bars, seen.scale, self.horizons_)
        targets[~usable] = np.nan
        self.linear_ = LinearVariance.solve(seen.values, targets, of_volatility(seen.names))
        means = self._means(seen, np.arange(len(bars)))
        means[~usable] = np.nan
        self.shapes_ = past_shapes(bars, means, self.horizons_, self.levels_)
        self.notes_: tuple[str, ...] = (
            f"Learned from {counted(int(np.isfinite(targets[:, 0]).sum()), 'origin')} of "
            f"{counted(len(bars.assets), 'asset')}.",
        )
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Answer from the features at each origin."""
        refuse_unfitted(self, "linear_", self.name)
        rows = np.asarray(rows)
        seen = market_features(bars)
        if seen.names != self.names_:
            raise InputError(
                f"{self.name} learned from {len(self.names_)} features but the bars give {len(seen.names)}; "
                "fit it again on bars with these columns."
            )
        lost = int((~np.isfinite(seen.scale[rows])).sum())
        if lost:
            raise InputError(f"The volatility is not known at {lost} of {len(rows)} origins; begin later.")
        return of_shapes(self.shapes_, bars, rows, self._means(seen, rows), self.horizons_, self.levels_)

    def _means(self, seen: Features, rows: IntArray) -> FloatArray:
        """Return the mean variance of a bar by its measure over each horizon, shape (n, h)."""
        square = seen.scale[rows].astype(np.float64)[:, None] ** 2
        means: FloatArray = np.exp(self.linear_.logarithm(seen.values[rows])) * square
        return means


@dataclass(frozen=True, eq=False)
class PastShape:
    """How one asset's past changes were distributed in units of the volatility that was forecast for them.

    Attributes
    ----------
    squares, up : float arrays of shape (h,)
        Mean square, and share above 0.
    quantiles, shortfall : float arrays of shape (h, q)
    """

    squares: FloatArray
    quantiles: FloatArray
    shortfall: FloatArray
    up: FloatArray


def past_shapes(
    bars: Bars, means: FloatArray, horizons: Sequence[int], levels: Sequence[float]
) -> dict[str, PastShape]:
    """Return the shape of each asset's changes.

    Parameters
    ----------
    bars : Bars
    means : float array of shape (m, h)
        Mean variance of a bar that was forecast over each horizon; NaN where there is no forecast.
    horizons, levels : sequences of h and q
    """
    ahead = np.stack([bars.ahead(h) for h in horizons], axis=1)
    units = np.clip(ahead / np.sqrt(means * np.asarray(horizons)), -FARTHEST, FARTHEST)
    found = {}
    for asset, span in zip(bars.assets, bars.spans(), strict=True):
        parts = []
        for own in units[span].T:
            known = own[np.isfinite(own)]
            parts.append((np.mean(known**2), *empirical(known, levels), np.mean(known > 0)))
        found[str(asset)] = PastShape(*(np.stack(part) for part in zip(*parts, strict=True)))
    return found


def of_shapes(
    shapes: Mapping[str, PastShape],
    bars: Bars,
    rows: IntArray,
    means: FloatArray,
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
) -> MarketForecast:
    """Return forecasts of past shapes stretched by the volatility, from mean variances of a bar, (n, h)."""
    held, place = np.unique(bars.owner[rows], return_inverse=True)
    own = [fitted_for(dict(shapes), str(bars.assets[k]), "The model") for k in held]
    squares, quantiles, shortfall, up = (
        np.stack([getattr(shape, name) for shape in own])[place]
        for name in ("squares", "quantiles", "shortfall", "up")
    )
    variance = means * np.asarray(horizons)
    unit = np.sqrt(variance)[..., None]
    return MarketForecast(
        rows,
        horizons,
        levels,
        np.zeros(variance.shape),
        variance * squares,
        unit * quantiles,
        unit * shortfall,
        up,
    )


def _scale_of(values: AnyArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each column's known values; 0 and 1 where there are none."""
    there = np.isfinite(values)
    count = np.maximum(there.sum(axis=0), 1)
    filled = np.where(there, values, 0.0).astype(np.float64)
    centre = filled.sum(axis=0) / count
    spread = np.sqrt(np.where(there, (filled - centre) ** 2, 0.0).sum(axis=0) / count)
    return centre, np.where(spread > 1e-6, spread, 1.0)


def _standardised(values: AnyArray, centre: FloatArray, spread: FloatArray) -> FloatArray:
    found: FloatArray = np.nan_to_num(np.clip((values - centre) / spread, -FAR, FAR))
    return found


def _regression(x: FloatArray, target: FloatArray, offset: FloatArray, kept: BoolArray) -> FloatArray:
    """Return a constant and coefficients; the offset divides the target, which for QLIKE is the same."""
    y = np.clip(target[kept] * np.exp(-offset[kept]), LEAST_SHARE, MOST)
    start = np.zeros(x.shape[1] + 1)
    start[0] = np.log(y.mean())
    return gamma_regression(np.column_stack([np.ones(len(y)), x[kept]]), y, start, PRIOR / len(y))


def _second(
    x: FloatArray,
    target: FloatArray,
    offset: FloatArray,
    kept: BoolArray,
    first: FloatArray,
    seldom: BoolArray,
    relative: BoolArray,
) -> FloatArray:
    """Return coefficients of all features after regressing on the first answer, its unit, and seldom ones."""
    answer = first[0] + x @ first[1:]
    again = np.column_stack([answer, x[:, relative], x[:, seldom]])
    found = _regression(again, target, offset + answer, kept)
    total: FloatArray = first * (1 + found[1])
    total[0] += found[0]
    count = 2 + int(relative.sum())
    total[1:][relative] += found[2:count]
    total[1:][seldom] += found[count:]
    return total
