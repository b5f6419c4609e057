"""A forecast over a horizon that no model was asked for."""

from __future__ import annotations

import dataclasses

import numpy as np

from bezant.traditional.markets.forecast import MarketForecast
from bezant.traditional.markets.tails import up_of
from bezant.types import FloatArray, InputError


def at_horizon(found: MarketForecast, horizon: int) -> MarketForecast:
    """Return a forecast over one horizon, between or beyond those that were forecast.

    Between two horizons the variance a bar, the mean a bar and the shape (quantiles in units of volatility)
    go over into each other in the logarithm of the horizon. Beyond the last, and before the first, they stay:
    volatility then grows with the root of time, which keeps today's storm, or calm, for longer than it lasts.

    Parameters
    ----------
    found : MarketForecast
    horizon : int
        Bars ahead, at least 1.

    Returns
    -------
    MarketForecast
        Of this horizon alone; the same where it is one of the forecast ones.
    """
    if horizon < 1:
        raise InputError(f"A horizon is a number of bars from 1 on, not {horizon}.")
    bars = np.asarray(found.horizons, np.float64)
    place = float(np.interp(np.log(horizon), np.log(bars), np.arange(len(bars))))
    low, share = int(place), place - int(place)
    high = min(low + 1, len(bars) - 1)

    def between(values: FloatArray) -> FloatArray:
        mixed: FloatArray = (1 - share) * values[:, low] + share * values[:, high]
        return mixed[:, None]

    spread = np.sqrt(found.variance)
    mean = between(found.mean / bars) * horizon
    variance = between(found.variance / bars) * horizon
    shapes = [
        between((part - found.mean[..., None]) / spread[..., None])
        for part in (found.quantiles, found.shortfall)
    ]
    quantiles, shortfall = (mean[..., None] + np.sqrt(variance)[..., None] * s for s in shapes)
    quantiles = np.maximum.accumulate(quantiles, axis=2)
    inside = bars[0] <= horizon <= bars[-1]
    return dataclasses.replace(
        found,
        horizons=(horizon,),
        mean=mean,
        variance=variance,
        quantiles=quantiles,
        shortfall=np.minimum(shortfall, quantiles),
        # Beyond the horizons the mean goes on to grow faster than the spread, and takes P(up) along.
        up=between(found.up) if inside else up_of(quantiles, found.levels),
    )
