"""Models of which the next variance is the whole state: what EWMA and the GARCH family share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bezant.histories.market import Bars
from bezant.traditional.markets.filtered import Simulated, Step, simulate
from bezant.traditional.markets.forecast import MarketForecast
from bezant.types import FloatArray, InputError, IntArray

Filter = Callable[[FloatArray], FloatArray]
"""From residuals of shape (k,) to variances of shape (k + 1,): entry i uses residuals before i alone."""


@dataclass(frozen=True, eq=False)
class VolatilityState:
    """One asset's fitted recursion, in the unit of its returns.

    Parameters
    ----------
    drift : float
        Mean change of a bar.
    variances : callable
        The filter.
    simulated : Simulated
    """

    drift: float
    variances: Filter
    simulated: Simulated

    def __post_init__(self) -> None:
        if not np.isfinite(self.drift):
            raise InputError(f"A drift of {self.drift} is none; look for infinite returns.")

    def forecast(
        self, bars: Bars, rows: IntArray, horizons: tuple[int, ...], levels: tuple[float, ...]
    ) -> MarketForecast:
        """Filter up to each origin and read its distribution."""
        following = self.variances(bars.returns[1:] - self.drift)[rows]
        variance, quantiles, shortfall, up = self.simulated.at(following)
        mean = self.drift * np.tile(np.asarray(horizons, np.float64), (len(rows), 1))
        moved = mean[..., None]
        return MarketForecast(
            rows, horizons, levels, mean, variance, quantiles + moved, shortfall + moved, up
        )


def volatility_state(
    change: FloatArray,
    drift: float,
    variances: Filter,
    step: Step,
    horizons: tuple[int, ...],
    levels: tuple[float, ...],
    pool: int | None,
) -> VolatilityState:
    """Filter the past, keep its residuals (the last ``pool`` of them, or all), and simulate.

    Parameters
    ----------
    change : float array of shape (k,)
        Returns of the past.
    drift : float
    variances : callable
        The filter.
    step : callable
        The same recursion as a step.
    horizons, levels : tuples
    pool : int or None
    """
    past = variances(change - drift)
    residuals = (change - drift) / np.sqrt(past[:-1])
    kept = residuals if pool is None else residuals[-pool:]
    return VolatilityState(drift, variances, simulate(step, kept, past, drift, horizons, levels))
