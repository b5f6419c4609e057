"""Weights of several models' forecasts, and the correction of their quantiles, from held-out origins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bezant.histories.market import Bars, best_variance, sum_ahead
from bezant.traditional.markets import MarketForecast, combined
from bezant.traditional.markets.tails import up_of
from bezant.types import FloatArray, IntArray

FEW_DAYS = 250
"""Held-out times at which weights stand half way between equal and best."""
FEW_BEYOND = 5.0
"""Independent changes beyond a quantile at which half of its correction is made."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came after n origins.

    Attributes
    ----------
    change, variance : float arrays of shape (n, h)
        Over each horizon; the variance by the sharpest measure, at the level of squared returns.
    times : int
        Distinct times of the origins.
    """

    change: FloatArray
    variance: FloatArray
    times: int

    @classmethod
    def of(cls, bars: Bars, rows: IntArray, horizons: Sequence[int], scales: Mapping[str, float]) -> Outcome:
        """Measure what came after some rows, all of whose horizons have ended."""
        variance = np.nan_to_num(best_variance(bars))
        ahead = [
            np.concatenate([sum_ahead(variance[span], h) for span in bars.spans()])[rows] for h in horizons
        ]
        level = np.array([scales.get(str(name), 1.0) for name in bars.assets])[bars.owner[rows]]
        change = np.stack([bars.ahead(h)[rows] for h in horizons], axis=1)
        return cls(change, np.stack(ahead, axis=1) * level[:, None], len(np.unique(bars.time[rows])))

    def variance_losses(self, variance: FloatArray) -> FloatArray:
        """Return r / f + log f, whose differences are those of QLIKE, shape (n, h)."""
        losses: FloatArray = self.variance / variance + np.log(variance)
        return losses

    def quantile_losses(self, found: MarketForecast, quantiles: FloatArray | None = None) -> FloatArray:
        """Return the mean pinball loss over the levels, shape (n, h)."""
        gap = self.change[..., None] - (found.quantiles if quantiles is None else quantiles)
        level = np.asarray(found.levels)
        losses: FloatArray = np.maximum(level * gap, (level - 1) * gap).mean(axis=2)
        return losses


@dataclass(frozen=True, eq=False)
class Combination:
    """How forecasts become one: weights for variance and for quantiles, and a correction of quantiles.

    Attributes
    ----------
    of_variance, of_quantiles : tuple of float
        At least 0, of sum 1, one a model.
    correction : float array of shape (h, q)
        Added to each quantile, in units of the volatility that was forecast.
    """

    of_variance: tuple[float, ...]
    of_quantiles: tuple[float, ...]
    correction: FloatArray

    @classmethod
    def learn(cls, parts: Sequence[MarketForecast], outcome: Outcome) -> Self:
        """Learn from forecasts of held-out origins and what came."""
        pull = outcome.times / (outcome.times + FEW_DAYS)
        scale = np.abs(outcome.quantile_losses(parts[0])).mean(axis=0)

        def variance_loss(weights: FloatArray) -> float:
            mixed = sum(w * part.variance for w, part in zip(weights, parts, strict=True))
            return float(outcome.variance_losses(np.asarray(mixed)).mean())

        def quantile_loss(weights: FloatArray) -> float:
            mixed = sum(w * part.quantiles for w, part in zip(weights, parts, strict=True))
            losses = outcome.quantile_losses(parts[0], np.asarray(mixed))
            return float((losses.mean(axis=0) / scale).mean())

        weights = [_shrunk(_simplex(loss, len(parts)), pull) for loss in (variance_loss, quantile_loss)]
        plain = cls(weights[0], weights[1], np.zeros(parts[0].quantiles.shape[1:]))
        return dataclasses.replace(plain, correction=_conformal(plain.apply(parts), outcome))

    def apply(self, parts: Sequence[MarketForecast]) -> MarketForecast:
        """Return the weighted and corrected mean of forecasts of the same origins."""
        variance = combined(parts, self.of_variance).variance
        mean = combined(parts, self.of_quantiles)
        unit = np.sqrt(variance)[..., None]
        quantiles = np.maximum.accumulate(mean.quantiles + unit * self.correction, axis=2)
        # The tail beyond a quantile keeps its length when the quantile moves.
        shortfall = np.minimum(mean.shortfall + quantiles - mean.quantiles, quantiles)
        up = np.clip(mean.up + up_of(quantiles, mean.levels) - up_of(mean.quantiles, mean.levels), 0.0, 1.0)
        return dataclasses.replace(mean, variance=variance, quantiles=quantiles, shortfall=shortfall, up=up)

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON-ready values."""
        return {
            "of_variance": list(self.of_variance),
            "of_quantiles": list(self.of_quantiles),
            "correction": self.correction.tolist(),
        }

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> Self:
        """Build it again from what :meth:`document` gave."""
        of_variance, of_quantiles = tuple(document["of_variance"]), tuple(document["of_quantiles"])
        return cls(of_variance, of_quantiles, np.asarray(document["correction"], np.float64))


def _simplex(loss: Any, count: int) -> FloatArray:
    """Return the weights of least loss."""
    from scipy.optimize import minimize

    equal = np.full(count, 1 / count)
    if count == 1:
        return equal
    found = minimize(
        loss,
        equal,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0},
    )
    weights = np.clip(found.x, 0.0, None) if np.isfinite(found.x).all() else equal
    total: FloatArray = weights / weights.sum()
    return total


def _shrunk(weights: FloatArray, pull: float) -> tuple[float, ...]:
    found = pull * weights + (1 - pull) / len(weights)
    return tuple(float(w) for w in found / found.sum())


def _conformal(found: MarketForecast, outcome: Outcome) -> FloatArray:
    """Return what brings each quantile to its level on held-out origins, in units of volatility, shrunk.

    Romano, Patterson and Candes (2019), "Conformalized quantile regression", one-sided at each level; where
    few independent changes lie beyond a quantile, what they ask for is mostly chance.
    """
    correction = np.zeros(found.quantiles.shape[1:])
    for k, horizon in enumerate(found.horizons):
        unit = np.sqrt(found.variance[:, k])
        for j, level in enumerate(found.levels):
            scores = (outcome.change[:, k] - found.quantiles[:, k, j]) / unit
            beyond = outcome.times / horizon * min(level, 1 - level)
            correction[k, j] = np.quantile(scores, level) * beyond / (beyond + FEW_BEYOND)
    return correction
