"""The forecast itself: refused where it is none, averaged by quantile, put into the order asked for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bezant.histories.market import read_bars
from bezant.traditional.markets import MarketForecast, RollingQuantiles, combined, last_origins, walk
from bezant.types import InputError
from market_support import drawn_bars

LEVELS = (0.05, 0.5)


def forecast(shift=0.0):
    quantiles = np.array([[[-2.0, 0.0]], [[-3.0, 0.1]]]) + shift
    flat = np.ones((2, 1))
    return MarketForecast(np.arange(2), (1,), LEVELS, 0 * flat, flat, quantiles, quantiles - 1, 0.5 * flat)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"levels": (0.5, 0.05)}, "Levels rise"),
        ({"levels": (0.5, 1.0)}, "Levels rise"),
        ({"mean": np.zeros((2, 2))}, r"mean has the shape \(2, 2\)"),
        ({"mean": np.array([[0.0], [np.nan]])}, "mean is missing or infinite at 1 of 2 origins"),
        ({"variance": np.array([[1.0], [0.0]])}, "not positive at 1 origins"),
        ({"quantiles": np.array([[[0.0, -1.0]], [[-3.0, 0.1]]])}, "cross"),
        ({"shortfall": np.zeros((2, 1, 2))}, "above its quantile"),
        ({"up": np.full((2, 1), 1.5)}, "outside 0 to 1"),
    ],
)
def test_what_is_no_distribution_is_refused(changes, match):
    with pytest.raises(InputError, match=match):
        dataclasses.replace(forecast(), **changes)


def test_a_forecast_about_another_mean_keeps_its_shape():
    moved = forecast().moved(np.array([[0.5], [-4.0]]))
    assert np.allclose(moved.quantiles, forecast().quantiles + np.array([0.5, -4.0])[:, None, None])
    assert np.allclose(moved.shortfall - moved.quantiles, -1.0)
    assert np.array_equal(moved.mean, [[0.5], [-4.0]]) and np.array_equal(moved.variance, np.ones((2, 1)))
    assert moved.up[0, 0] > 0.5 > moved.up[1, 0] >= 0.0


def test_a_combination_averages_quantiles_at_each_level():
    mixed = combined([forecast(), forecast(1.0)], [0.25, 0.75])
    assert np.allclose(mixed.quantiles, forecast(0.75).quantiles)
    assert np.allclose(combined([forecast(), forecast(1.0)]).quantiles, forecast(0.5).quantiles)


@pytest.mark.parametrize("weights", [[0.5, 0.6], [-0.5, 1.5], [1.0]])
def test_weights_are_weights(weights):
    with pytest.raises(InputError, match="at least 0 and add up to 1"):
        combined([forecast(), forecast()], weights)


def test_forecasts_of_other_origins_are_not_averaged():
    with pytest.raises(InputError, match="other origins"):
        combined([forecast(), forecast().take(np.array([1, 0]))])


def test_a_level_is_found_by_its_value():
    assert forecast().at(0.5) == 1
    with pytest.raises(InputError, match=r"0\.3 is not among the levels 0\.05, 0\.5"):
        forecast().at(0.3)


def test_the_last_origins_leave_room_for_the_horizon():
    bars = read_bars(drawn_bars(100))
    rows = last_origins(bars, 3, horizon=5)
    assert rows.tolist() == [92, 93, 94, 152, 153, 154]
    with pytest.raises(InputError, match="'B' has 60 bars, too few for 60 origins with 1"):
        last_origins(bars, 60)


def test_a_walk_needs_origins():
    bars = read_bars(drawn_bars(100))
    with pytest.raises(InputError, match="needs an origin"):
        walk(RollingQuantiles(), bars, np.array([], int), refit_every=5)
