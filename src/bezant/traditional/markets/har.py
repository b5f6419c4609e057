"""Heterogeneous autoregression of variance: its means over a day, a week and a month, and what falls add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from bezant.histories.market import Bars, best_variance, rolling_mean, sum_ahead
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast, by_asset
from bezant.traditional.markets.model import fitted_for, refuse_short
from bezant.traditional.markets.tails import empirical
from bezant.traditional.model import refuse_unfitted
from bezant.types import BoolArray, FloatArray, InputError, IntArray

WINDOWS = (1, 5, 22)
FEWEST = 250
ROUNDS = 50
LOWEST = 0.02
"""Least mean that a logarithm is taken of, as a share of the longest window's: a return of 0."""
LEAST = 0.001
"""Least mean over the longest window, as a share of that of all the past: prices that stood still."""

MOST = 100.0
"""Most that a variance counts for over its forecast: a move of ten deviations."""
LARGEST = 300.0
"""Of an exponent."""

Form = Literal["linear", "log", "gamma"]


@dataclass(frozen=True, eq=False)
class Regression:
    """One asset's coefficients and the distribution of its changes in units of forecast volatility.

    Attributes
    ----------
    coefficients : float array of shape (k, h)
    level : float array of shape (h,)
        Mean of the past's variances over the exponentials of their fitted logarithms, which lie below.
    low, high : float arrays of shape (h,)
        Least and largest mean variance seen; forecasts stay between.
    floor : float
        Least mean over the longest window.
    scale : float
        Mean squared return over mean variance: ranges miss the night.
    squares, quantiles, shortfall, up : float arrays of shape (h,), (h, q), (h, q), (h,)
        Of standardised changes.
    """

    coefficients: FloatArray
    level: FloatArray
    low: FloatArray
    high: FloatArray
    floor: float
    scale: float
    squares: FloatArray
    quantiles: FloatArray
    shortfall: FloatArray
    up: FloatArray


class Har:
    """Least squares of the mean variance ahead on past means, for each horizon by itself.

    The variance is the sharpest measure that each bar allows (realised, Garman-Klass, squared return).
    Quantiles are those of the past's changes in units of the volatility that was forecast for them.

    Parameters
    ----------
    form : {"linear", "log", "gamma"}, default "log"
        Of variances; of their logarithms, brought to the mean of the past; of the logarithm of the mean, by
        the gamma likelihood, whose loss is QLIKE.
    windows : sequence of int, default (1, 5, 22)
        Bars of the past means, rising.
    covariates : sequence of str, default none
        Covariates of the bars to add; the log and gamma forms take their logarithm, so they must be positive.

    References
    ----------
    Corsi (2009), "A simple approximate long-memory model of realized volatility", eq. 6; Corsi and Reno
    (2012), "Discrete-time volatility forecasting with persistent leverage effect", eq. 2.5; Duan (1983),
    "Smearing estimate"; Bollerslev, Patton and Quaedvlieg (2016), sec. 3.2, for the bounds.
    """

    key: ClassVar[str] = "har"
    name: ClassVar[str] = "HAR with leverage"

    def __init__(
        self, *, form: Form = "log", windows: Sequence[int] = WINDOWS, covariates: Sequence[str] = ()
    ) -> None:
        self.form, self.windows, self.covariates = form, tuple(windows), tuple(covariates)

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Regress each asset's variance ahead, over horizons that had ended, on what came before."""
        if self.form not in ("linear", "log", "gamma"):
            raise InputError(f"HAR takes the form 'linear', 'log' or 'gamma', not {self.form!r}.")
        refuse_short(bars, FEWEST + max(horizons), "HAR")
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        self.regressions_ = {
            str(asset): self._of_past(bars.take(np.arange(span.start, span.stop)))
            for asset, span in zip(bars.assets, bars.spans(), strict=True)
        }
        self.notes_: tuple[str, ...] = (
            "Forecasts of variance stay between the least and the largest mean seen before.",
        )
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Answer from the means up to each origin."""
        refuse_unfitted(self, "regressions_", "HAR")
        return by_asset(bars, rows, self._of_asset)

    def _of_asset(self, asset: str, bars: Bars, rows: IntArray) -> MarketForecast:
        fitted: Regression = fitted_for(self.regressions_, asset, "HAR")
        inputs = self._inputs(bars, fitted.floor)[rows]
        lost = int((~np.isfinite(inputs)).any(axis=1).sum())
        if lost:
            raise InputError(
                f"Past means or covariates of {asset!r} are missing at {lost} of {len(rows)} origins; begin "
                f"later."
            )
        spans = np.asarray(self.horizons_, np.float64)
        variance = self._answer(inputs, fitted) * fitted.scale * spans
        scale = np.sqrt(variance)
        shape = scale.shape
        return MarketForecast(
            rows,
            self.horizons_,
            self.levels_,
            np.zeros(shape),
            variance * fitted.squares,
            scale[..., None] * fitted.quantiles,
            scale[..., None] * fitted.shortfall,
            np.broadcast_to(fitted.up, shape).copy(),
        )

    def _inputs(self, bars: Bars, least: float) -> FloatArray:
        """Return the regressors of one asset's bars, shape (m, k), NaN where too few bars are behind."""
        variance = best_variance(bars)
        means = [rolling_mean(variance, w) for w in self.windows]
        falls = [rolling_mean(np.minimum(bars.returns, 0.0), w) for w in self.windows]
        added = [bars.covariates[name] for name in self._known(bars)]
        if self.form == "linear":
            columns = [*means, *(np.abs(f) * f for f in falls), *added]
        else:
            longest = np.maximum(means[-1], least)
            logs = [np.log(np.maximum(mean, LOWEST * longest)) for mean in means]
            columns = [*logs, *(f / np.sqrt(longest) for f in falls)]
            columns += [_logarithm(values, name) for values, name in zip(added, self.covariates, strict=True)]
        found = np.column_stack([np.ones(len(bars)), *columns])
        found[: self.windows[-1]] = np.nan  # the first bar has no return
        return found

    def _known(self, bars: Bars) -> tuple[str, ...]:
        for name in self.covariates:
            if name not in bars.covariates:
                raise InputError(
                    f"HAR asks for the covariate {name!r}, which the {len(bars)} bars do not have."
                )
        return self.covariates

    def _of_past(self, bars: Bars) -> Regression:
        variance = best_variance(bars)
        floor = max(LEAST * float(np.nanmean(variance)), np.finfo(np.float64).tiny)
        inputs = self._inputs(bars, floor)
        targets = np.stack([_mean_ahead(variance, h) for h in self.horizons_], axis=1)
        known: BoolArray = np.asarray(np.isfinite(inputs).all(axis=1))
        found = [self._solve(inputs, target, known & np.isfinite(target)) for target in targets.T]
        level = rolling_mean(variance, self.windows[-1])
        seen = [
            np.where(known, target if h > 1 else level, np.nan)
            for h, target in zip(self.horizons_, targets.T, strict=True)
        ]
        fitted = Regression(
            np.stack([coefficients for coefficients, _ in found], axis=1),
            np.array([level for _, level in found]),
            np.maximum([np.nanmin(s) for s in seen], floor),
            np.nanmax(targets, axis=0),
            floor,
            float(np.nanmean(bars.returns**2) / np.nanmean(variance[1:])),
            *(np.empty(0) for _ in range(4)),
        )
        return self._standardised(bars, inputs, known, fitted)

    def _standardised(
        self, bars: Bars, inputs: FloatArray, known: BoolArray, fitted: Regression
    ) -> Regression:
        """Add the distribution of past changes in units of the volatility that the regression gives them."""
        means = self._answer(inputs[known], fitted) * fitted.scale
        parts = []
        for k, horizon in enumerate(self.horizons_):
            units = bars.ahead(horizon)[known] / np.sqrt(means[:, k] * horizon)
            units = np.clip(units[np.isfinite(units)], -(MOST**0.5), MOST**0.5)
            parts.append((np.mean(units**2), *empirical(units, self.levels_), np.mean(units > 0)))
        shapes = [np.stack(part) for part in zip(*parts, strict=True)]
        return Regression(
            fitted.coefficients, fitted.level, fitted.low, fitted.high, fitted.floor, fitted.scale, *shapes
        )

    def _solve(self, inputs: FloatArray, target: FloatArray, kept: BoolArray) -> tuple[FloatArray, float]:
        x, y = inputs[kept], target[kept]
        if self.form == "linear":
            return np.linalg.lstsq(x, y, rcond=None)[0], 1.0
        logs = np.log(np.maximum(y, max(float(y.mean()) * 1e-4, np.finfo(np.float64).tiny)))
        start = np.linalg.lstsq(x, logs, rcond=None)[0]
        level = float(np.mean(np.minimum(y / np.exp(x @ start), MOST)))
        if self.form == "log":
            return start, level
        start[0] += np.log(level)
        return gamma_regression(x, y, start), 1.0

    def _answer(self, inputs: FloatArray, fitted: Regression) -> FloatArray:
        """Return the mean variance of a bar over each horizon, shape (n, h)."""
        fits = inputs @ fitted.coefficients
        means = fits if self.form == "linear" else np.exp(np.minimum(fits, LARGEST)) * fitted.level
        return np.clip(means, fitted.low, fitted.high)


def gamma_regression(x: FloatArray, y: FloatArray, start: FloatArray, ridge: float = 0.0) -> FloatArray:
    """Minimise the mean QLIKE of exp(x b), which is the gamma likelihood, by scoring with halved steps.

    Parameters
    ----------
    x : float array of shape (n, k)
    y : float array of shape (n,)
        At least 0.
    start : float array of shape (k,)
    ridge : float, default 0
        Added to the mean loss: half of it times each squared coefficient but the first.

    Returns
    -------
    float array of shape (k,)

    References
    ----------
    McCullagh and Nelder (1989), "Generalized linear models", sections 2.5 and 8.2.
    """

    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 0.0

    def loss(b: FloatArray) -> float:
        fits = np.maximum(x @ b, -LARGEST)  # a step too far is halved, not followed to infinity
        return float(np.mean(y * np.exp(-fits) + fits) + 0.5 * penalty @ b**2)

    # The expected curvature of a logarithm's link is the same everywhere.
    inverse = np.linalg.pinv(x.T @ x / len(x) + np.diag(penalty), rcond=1e-12, hermitian=True)
    best, now = start, loss(start)
    for _ in range(ROUNDS):
        step = inverse @ (x.T @ (y * np.exp(-(x @ best)) - 1.0) / len(x) - penalty * best)
        while not (trial := loss(best + step)) <= now and np.abs(step).max() > 1e-10:
            step = step / 2
        if not trial < now - 1e-10 * abs(now):
            break
        best, now = best + step, trial
    return best


def _mean_ahead(variance: FloatArray, horizon: int) -> FloatArray:
    """Return the mean variance of the next ``horizon`` bars, shape (m,); NaN where they are not known."""
    return sum_ahead(np.nan_to_num(variance), horizon) / horizon


def _logarithm(values: FloatArray, name: str) -> FloatArray:
    if (values <= 0).any():
        raise InputError(
            f"Covariate {name!r} is not positive in {int((values <= 0).sum())} of {len(values)} bars; HAR "
            f"takes its logarithm, so give form='linear' or another measure."
        )
    return np.log(values)
