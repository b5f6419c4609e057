"""A forecast over horizons that were not asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from bezant.traditional.markets import LEVELS, MarketForecast, at_horizon
from bezant.traditional.markets.tails import normal
from bezant.types import InputError


def forecast(daily: float = 0.01, horizons: tuple[int, ...] = (1, 5, 21)) -> MarketForecast:
    """A normal law whose variance grows with the horizon."""
    bars = np.asarray(horizons, np.float64)
    mean, spread = 0.0004 * bars[None], daily * np.sqrt(bars)[None]
    quantiles, shortfall, up = normal(mean, spread, LEVELS)
    return MarketForecast(np.zeros(1, np.int64), horizons, LEVELS, mean, spread**2, quantiles, shortfall, up)


@pytest.mark.parametrize("horizon", [1, 5, 21])
def test_a_horizon_that_was_forecast_stays_as_it_is(horizon: int) -> None:
    found, place = forecast(), (1, 5, 21).index(horizon)
    one = at_horizon(found, horizon)
    np.testing.assert_allclose(one.quantiles[:, 0], found.quantiles[:, place])
    np.testing.assert_allclose(one.shortfall[:, 0], found.shortfall[:, place])
    assert one.horizons == (horizon,)


@settings(max_examples=30)
@given(st.integers(1, 300))
def test_of_a_law_that_grows_with_the_root_of_time_every_horizon_is_right(horizon: int) -> None:
    one = at_horizon(forecast(), horizon)
    wanted = 0.0004 * horizon + 0.01 * np.sqrt(horizon) * norm.ppf(LEVELS)
    np.testing.assert_allclose(one.variance, 1e-4 * horizon)
    np.testing.assert_allclose(one.quantiles[0, 0], wanted, rtol=1e-9, atol=1e-12)


def test_the_probability_of_up_grows_with_a_mean_beyond_the_last_horizon() -> None:
    one = at_horizon(forecast(), 250)
    assert one.up[0, 0] == pytest.approx(norm.cdf(0.04 * np.sqrt(250)), abs=0.01)
    assert one.up[0, 0] > forecast().up[0, -1] + 0.1


def test_a_horizon_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="from 1 on, not 0"):
        at_horizon(forecast(), 0)
