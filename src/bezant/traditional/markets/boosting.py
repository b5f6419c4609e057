"""LightGBM on features of bars: gamma loss for the variance, pinball loss for the quantiles, all assets as "
"one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from bezant.histories.market import Bars, Features, best_variance, market_features, sum_ahead
from bezant.schema.words import counted
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast
from bezant.traditional.markets.model import refuse_short
from bezant.traditional.markets.pooled import (
    LinearVariance,
    known_rows,
    of_shapes,
    of_volatility,
    past_shapes,
    variance_targets,
)
from bezant.traditional.markets.tails import shortfall_of, up_of
from bezant.traditional.model import refuse_unfitted, threads_for
from bezant.types import AnyArray, FloatArray, InputError, IntArray

FEWEST = 250


class MarketBoosting:
    """Trees that see every asset in units of its own volatility, so that one model serves all.

    The target of the variance is its sharpest measure ahead over the squared volatility at the origin, that
    of the quantiles the change ahead over the volatility. Quantiles are sorted where they cross.

    Parameters
    ----------
    trees : int, default 120
    learning_rate : float, default 0.05
    leaves : int, default 8
    fewest : int, default 500
        Rows in a leaf.
    rows : int, default 100_000
        Most origins to learn from; of more, an even share.
    linear : bool, default False
        Trees correct a gamma regression on the same features, and quantiles are those of past changes in
        units of the volatility: a thirteenth of the trees.
    random_state : int, default 0
    """

    key: ClassVar[str] = "market_boosting"
    name: ClassVar[str] = "LightGBM, gamma and pinball loss"

    def __init__(
        self,
        *,
        trees: int = 120,
        learning_rate: float = 0.05,
        leaves: int = 8,
        fewest: int = 500,
        rows: int = 100_000,
        linear: bool = False,
        random_state: int = 0,
    ) -> None:
        self.trees, self.learning_rate, self.leaves = trees, learning_rate, leaves
        self.fewest, self.rows, self.random_state = fewest, rows, random_state
        self.linear = linear

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Learn from all origins whose horizon has ended."""
        refuse_short(bars, FEWEST + max(horizons), "LightGBM")
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        seen = market_features(bars)
        self.names_, variance = seen.names, best_variance(bars)
        if self.linear:
            return self._beside_linear(bars, seen)
        self.scales_ = _return_scales(bars, variance)
        self.models_: list[tuple[Any, list[Any]]] = []
        for horizon in self.horizons_:
            unit = seen.scale * np.sqrt(horizon)
            ahead = bars.ahead(horizon) / unit
            kept = _kept(seen, ahead, self.rows)
            parts = [sum_ahead(np.nan_to_num(variance[span]), horizon) for span in bars.spans()]
            share = np.concatenate(parts) / unit**2
            of_variance = self._grown(seen.values[kept], share[kept], {"objective": "gamma"})
            self.models_.append((of_variance, self._quantiles(seen.values[kept], ahead[kept])))
        self.notes_: tuple[str, ...] = (
            f"Learned from {counted(len(kept), 'origin')} of {counted(len(bars.assets), 'asset')}.",
        )
        return self

    def _beside_linear(self, bars: Bars, seen: Features) -> Self:
        """Grow trees of the variance alone, on what the regression leaves: QLIKE knows ratios only."""
        targets = variance_targets(bars, seen.scale, self.horizons_)
        usable = known_rows(seen)
        targets[~usable] = np.nan
        self.linear_ = LinearVariance.solve(seen.values, targets, of_volatility(seen.names))
        left = targets / np.exp(self.linear_.logarithm(seen.values))
        self.trees_ = []
        for column in left.T:
            kept = _kept(seen, column, self.rows)
            self.trees_.append(self._grown(seen.values[kept], column[kept], {"objective": "gamma"}))
        means = self._means(seen, np.arange(len(bars)))
        means[~usable] = np.nan
        self.models_, self.shapes_ = [], past_shapes(bars, means, self.horizons_, self.levels_)
        self.notes_ = (
            f"Learned from {counted(len(kept), 'origin')} of {counted(len(bars.assets), 'asset')}.",
        )
        return self

    def _means(self, seen: Features, rows: IntArray) -> FloatArray:
        """Return the mean variance of a bar by its measure over each horizon, shape (n, h)."""
        x = seen.values[rows]
        ratio = np.stack([np.asarray(trees.predict(x)) for trees in self.trees_], axis=1)
        square = seen.scale[rows].astype(np.float64)[:, None] ** 2
        means: FloatArray = ratio * np.exp(self.linear_.logarithm(x)) * square
        return means

    def _quantiles(self, x: AnyArray, y: FloatArray) -> list[Any]:
        return [self._grown(x, y, {"objective": "quantile", "alpha": level}) for level in self.levels_]

    def _grown(self, x: AnyArray, y: FloatArray, objective: dict[str, Any]) -> Any:
        import lightgbm

        settings = {
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": min(self.fewest, len(y) // 10),
            "seed": self.random_state,
            "num_threads": threads_for(len(y), None),
            "deterministic": True,
            "metric": "none",  # that of gamma refuses a return of 0, the loss does not
            "verbosity": -1,
        }
        return lightgbm.train(settings | objective, lightgbm.Dataset(x, y), self.trees)

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Answer from the features at each origin."""
        refuse_unfitted(self, "models_", "LightGBM")
        seen = market_features(bars)
        if seen.names != self.names_:
            raise InputError(
                f"LightGBM learned from {len(self.names_)} features but the bars give {len(seen.names)}; fit "
                "it again on bars with these columns."
            )
        x, scale = seen.values[rows], seen.scale[rows].astype(np.float64)
        if not np.isfinite(scale).all():
            lost = int((~np.isfinite(scale)).sum())
            raise InputError(
                f"The volatility is not known at {lost} of {len(rows)} origins; give them more bars of their "
                "past."
            )
        if self.linear:
            means = self._means(seen, np.asarray(rows))
            return of_shapes(self.shapes_, bars, np.asarray(rows), means, self.horizons_, self.levels_)
        of_returns = np.array([self.scales_.get(str(name), 1.0) for name in bars.assets])[bars.owner[rows]]
        variances, quantiles = [], []
        for horizon, (of_variance, by_level) in zip(self.horizons_, self.models_, strict=True):
            unit = scale * np.sqrt(horizon)
            variances.append(of_variance.predict(x) * unit**2 * of_returns)
            found = np.stack([np.asarray(model.predict(x)) for model in by_level], axis=1)
            quantiles.append(np.sort(found, axis=1) * unit[:, None])
        stacked = np.stack(quantiles, axis=1)
        return MarketForecast(
            np.asarray(rows),
            self.horizons_,
            self.levels_,
            np.zeros((len(rows), len(self.horizons_))),
            np.stack(variances, axis=1),
            stacked,
            shortfall_of(stacked, self.levels_),
            up_of(stacked, self.levels_),
        )


def _return_scales(bars: Bars, variance: FloatArray) -> dict[str, float]:
    """Return each asset's mean squared return over its mean variance by the measure."""
    return {
        str(asset): float(np.nanmean(bars.returns[span] ** 2))
        / max(float(np.nanmean(variance[span])), 1e-300)
        for asset, span in zip(bars.assets, bars.spans(), strict=True)
    }


def _kept(seen: Features, ahead: FloatArray, most: int) -> IntArray:
    """Return the origins to learn from: known, ended, and of too many an even share."""
    usable = np.flatnonzero(np.isfinite(ahead) & np.isfinite(seen.scale))
    if len(usable) <= most:
        return usable
    return usable[np.linspace(0, len(usable) - 1, most).astype(np.int64)]
