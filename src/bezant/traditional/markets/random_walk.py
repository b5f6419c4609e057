"""Random walk without drift, with the quantiles of the last thousand changes: nothing is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from bezant.histories.market import Bars
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast, by_asset
from bezant.traditional.markets.model import refuse_short
from bezant.traditional.markets.tails import empirical
from bezant.traditional.model import refuse_unfitted
from bezant.types import FloatArray, IntArray

FEWEST = 60


class RollingQuantiles:
    """Historical simulation: the last ``window`` changes of each horizon are the distribution.

    Those of several bars overlap. The mean is 0, so that its squared error is that of a random walk.

    Parameters
    ----------
    window : int, default 1000
        Bars; fewer where the history is shorter.
    fewest : int, default 60
        Changes that are asked for.
    """

    key: ClassVar[str] = "rolling_quantiles"
    name: ClassVar[str] = "Random walk, rolling quantiles"

    def __init__(self, *, window: int = 1000, fewest: int = FEWEST) -> None:
        self.window, self.fewest = window, fewest

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Remember what is asked for; see whether there are bars enough."""
        refuse_short(bars, self.fewest + max(horizons), self.name)
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        self.notes_: tuple[str, ...] = (
            f"Quantiles of the last {self.window} changes, or all where there are fewer.",
        )
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Answer with the quantiles of the changes that ended at or before each origin."""
        refuse_unfitted(self, "levels_", self.name)
        return by_asset(bars, rows, self._of_asset)

    def _of_asset(self, asset: str, bars: Bars, rows: IntArray) -> MarketForecast:
        parts = [self._past_changes(bars, rows, horizon) for horizon in self.horizons_]
        found = [_of_samples(samples, self.levels_) for samples in parts]
        quantiles, shortfall, variance, up = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        mean = np.zeros(variance.shape)
        return MarketForecast(rows, self.horizons_, self.levels_, mean, variance, quantiles, shortfall, up)

    def _past_changes(self, bars: Bars, rows: IntArray, horizon: int) -> list[FloatArray]:
        """Return the changes over a horizon that had ended by each origin, longest pasts in one array."""
        past = bars.ahead(horizon)  # past[t] ends at t + horizon
        return [past[max(row - horizon - self.window + 1, 0) : row - horizon + 1] for row in rows]


def _of_samples(
    samples: list[FloatArray], levels: Sequence[float]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return quantiles, shortfalls, variance about 0 and the share above 0 of samples of any length."""
    lengths = np.array([len(sample) for sample in samples])
    count = len(samples)
    quantiles, shortfall = np.empty((count, len(levels))), np.empty((count, len(levels)))
    variance, up = np.empty(count), np.empty(count)
    for length in np.unique(lengths):
        place = np.flatnonzero(lengths == length)
        block = np.stack([samples[k] for k in place])
        quantiles[place], shortfall[place] = empirical(block, levels)
        variance[place] = np.maximum(np.mean(block**2, axis=1), np.finfo(np.float64).tiny)
        up[place] = np.mean(block > 0, axis=1)
    return quantiles, shortfall, variance, up
