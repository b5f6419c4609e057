"""Weights of several models' forecasts, and the correction of their quantiles, from held-out origins."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bezant.histories.market import Bars, best_variance, sum_ahead
from bezant.traditional.markets import MarketForecast
from bezant.traditional.markets.tails import up_of
from bezant.types import FloatArray, InputError, IntArray

STEADY = 80.0
"""Pull of the prior: what is added to QLIKE (or to the logarithm of the pinball loss) is this over the
held-out times that do not overlap, times the squared distance of the weights to the prior's."""
NOISE = 4.0
"""Squared standard errors that a correction must exceed, and is shrunk by. Volatility that was misjudged for
weeks makes days alike, which the standard error of independent days does not know: with 100 held-out days one
such month moved the 5 % quantile of the next year to where 7 % lay below."""


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
        return _qlike(self.variance, variance)

    def quantile_losses(self, found: MarketForecast) -> FloatArray:
        """Return the mean pinball loss over the levels, shape (n, h)."""
        return _pinball(self.change, found.quantiles, np.asarray(found.levels))


@dataclass(frozen=True, eq=False)
class Combination:
    """How forecasts become one: weights for variance and for quantiles, and a correction of quantiles.

    Attributes
    ----------
    variance_weights, quantile_weights : float arrays of shape (h, p)
        Of p models over each horizon, at least 0, of sum 1.
    correction : float array of shape (h, q)
        Added to each quantile, in units of the volatility that was forecast.
    """

    variance_weights: FloatArray
    quantile_weights: FloatArray
    correction: FloatArray

    def __post_init__(self) -> None:
        for weights in (self.variance_weights, self.quantile_weights):
            if weights.ndim != 2 or (weights < 0).any() or np.abs(weights.sum(axis=1) - 1).max() > 1e-9:
                raise InputError("Weights of forecasts over a horizon are at least 0 and add up to 1.")

    @property
    def of_variance(self) -> tuple[float, ...]:
        """Weight of each model's variance, the mean over horizons."""
        return tuple(float(w) for w in self.variance_weights.mean(axis=0))

    @property
    def of_quantiles(self) -> tuple[float, ...]:
        """Weight of each model's quantiles, the mean over horizons."""
        return tuple(float(w) for w in self.quantile_weights.mean(axis=0))

    @classmethod
    def learn(
        cls, parts: Sequence[MarketForecast], outcome: Outcome, prior: Sequence[float] | None = None
    ) -> Self:
        """Learn from forecasts of held-out origins and what came.

        Weights of least loss alone would be those of one fortunate model where all are nearly alike, so the
        prior pulls at them: the harder, the fewer changes that do not overlap were seen.

        Parameters
        ----------
        parts : sequence of p MarketForecast
        outcome : Outcome
        prior : sequence of p floats, default equal
            Weights before anything is seen, in any unit.
        """
        share = np.ones(len(parts)) if prior is None else np.asarray(prior, np.float64)
        share = share / share.sum()
        level = np.asarray(parts[0].levels)
        of_variance, of_quantiles = [], []
        for k, horizon in enumerate(parts[0].horizons):
            pull = STEADY * horizon / outcome.times
            variances = np.stack([part.variance[:, k] for part in parts])
            quantiles = np.stack([part.quantiles[:, k] for part in parts])

            def variance_loss(
                w: FloatArray, came: FloatArray = outcome.variance[:, k], of: FloatArray = variances
            ) -> float:
                return float(_qlike(came, w @ of).mean())

            def quantile_loss(
                w: FloatArray, came: FloatArray = outcome.change[:, k], of: FloatArray = quantiles
            ) -> float:
                mixed: FloatArray = np.tensordot(w, of, 1)
                return float(np.log(_pinball(came, mixed, level).mean()))

            of_variance.append(_weights(variance_loss, share, pull))
            of_quantiles.append(_weights(quantile_loss, share, pull))
        plain = cls(np.stack(of_variance), np.stack(of_quantiles), np.zeros(parts[0].quantiles.shape[1:]))
        return dataclasses.replace(plain, correction=_conformal(plain.apply(parts), outcome))

    def apply(self, parts: Sequence[MarketForecast]) -> MarketForecast:
        """Return the weighted and corrected mean of forecasts of the same origins.

        Raises
        ------
        InputError
            If there are as many weights as forecasts only by another count, or origins or levels differ.
        """
        first = parts[0]
        same = all((p.horizons, p.levels) == (first.horizons, first.levels) for p in parts)
        if len(parts) != self.variance_weights.shape[1] or not same:
            raise InputError(
                f"{self.variance_weights.shape[1]} weights do not fit {len(parts)} forecasts, or horizons or "
                "levels of these differ."
            )
        if not all(np.array_equal(p.rows, first.rows) for p in parts):
            raise InputError("Forecasts of other origins cannot be averaged.")

        def mean(name: str, weights: FloatArray) -> FloatArray:
            shares = weights.T.reshape(*weights.T.shape, *[1] * (getattr(first, name).ndim - 2))
            total: FloatArray = sum(w * getattr(p, name) for w, p in zip(shares, parts, strict=True))
            return total

        variance = mean("variance", self.variance_weights)
        plain, shortfall, centre, up = (
            mean(name, self.quantile_weights) for name in ("quantiles", "shortfall", "mean", "up")
        )
        unit = np.sqrt(variance)[..., None]
        quantiles = np.maximum.accumulate(plain + unit * self.correction, axis=2)
        # The tail beyond a quantile keeps its length when the quantile moves.
        shortfall = np.minimum(shortfall + quantiles - plain, quantiles)
        up = np.clip(up + up_of(quantiles, first.levels) - up_of(plain, first.levels), 0.0, 1.0)
        return MarketForecast(
            first.rows, first.horizons, first.levels, centre, variance, quantiles, shortfall, up
        )

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON-ready values."""
        return {f.name: getattr(self, f.name).tolist() for f in dataclasses.fields(self)}

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> Self:
        """Build it again from what :meth:`document` gave.

        Raises
        ------
        InputError
            If an earlier version wrote it, without weights of each horizon.
        """
        lacking = [f.name for f in dataclasses.fields(cls) if f.name not in document]
        if lacking:
            raise InputError(
                f"The saved forecaster has no {lacking[0]!r}: an earlier version wrote it, so fit it "
                "again and save it."
            )
        return cls(*(np.asarray(document[f.name], np.float64) for f in dataclasses.fields(cls)))


def _qlike(came: FloatArray, variance: FloatArray) -> FloatArray:
    losses: FloatArray = came / variance + np.log(variance)
    return losses


def _pinball(came: FloatArray, quantiles: FloatArray, level: FloatArray) -> FloatArray:
    gap = came[..., None] - quantiles
    losses: FloatArray = np.maximum(level * gap, (level - 1) * gap).mean(axis=-1)
    return losses


def _weights(loss: Callable[[FloatArray], float], prior: FloatArray, pull: float) -> FloatArray:
    """Return weights of least loss and squared distance to the prior."""
    from scipy.optimize import minimize

    if len(prior) == 1:
        return prior
    found = minimize(
        lambda w: loss(w) + pull * float(np.sum((w - prior) ** 2)),
        prior,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * len(prior),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1.0},
    )
    weights = np.clip(found.x, 0.0, None) if np.isfinite(found.x).all() else prior
    total: FloatArray = weights / weights.sum()
    return total


def _conformal(found: MarketForecast, outcome: Outcome) -> FloatArray:
    """Return what brings each quantile to its level on held-out origins, in units of volatility, shrunk.

    What is asked for is multiplied by 1 - NOISE (error / asked)^2, and by 0 where that is negative:
    corrections of the middle mostly follow the last years' direction.

    References
    ----------
    Romano, Patterson and Candes (2019), "Conformalized quantile regression", one-sided at each level; James
    and Stein (1961), "Estimation with quadratic loss", the positive part, for each level by itself.
    """
    level = np.asarray(found.levels)
    if len(level) < 2:
        return np.zeros(found.quantiles.shape[1:])
    correction = np.zeros(found.quantiles.shape[1:])
    for k, horizon in enumerate(found.horizons):
        unit = np.sqrt(found.variance[:, k])[:, None]
        scores = (outcome.change[:, k, None] - found.quantiles[:, k]) / unit
        asked = np.array(
            [np.quantile(own, p, method="weibull") for own, p in zip(scores.T, level, strict=True)]
        )  # the (n + 1) p-th: a further change lies below it with probability p
        slope = np.gradient((found.quantiles[:, k] / unit).mean(axis=0), level)
        square = level * (1 - level) * horizon / outcome.times * slope**2
        correction[k] = asked * np.maximum(1 - NOISE * square / np.maximum(asked**2, 1e-300), 0.0)
    return correction
