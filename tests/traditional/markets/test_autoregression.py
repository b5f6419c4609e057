"""Autoregressions against statsmodels, and the variance of sums against a simulation."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.histories.market import read_bars
from bezant.traditional.markets import Autoregression
from bezant.traditional.markets.autoregression import Lagged, fit_lags, fit_shrunk
from bezant.types import InputError
from market_support import cached, drawn_bars

MACRO = ("realgdp", "cpi", "m1")


def macro():
    return read_bars(cached("us-macro"), asset=None, value=list(MACRO))


def test_lags_and_forecasts_are_those_of_statsmodels():
    pytest.importorskip("statsmodels")
    from statsmodels.tsa.api import VAR

    bars = macro()
    changes = bars.returns.reshape(3, -1)[:, 1:].T
    order = VAR(changes).select_order(6).bic
    fitted = VAR(changes).fit(order)
    model = Autoregression(joint=True, largest=6).fit(bars, horizons=(1, 4))
    assert len(model.fitted_[0].lags) == order
    rows = bars.offsets[1:] - 1
    found = model.forecast(bars, rows)
    path = fitted.forecast(changes[-order:], 4)
    assert np.allclose(found.mean, np.stack([path[0], path.sum(axis=0)], axis=1), rtol=1e-6)
    assert np.allclose(found.variance[:, 0], np.diag(fitted.sigma_u), rtol=1e-6)


def test_the_variance_of_a_sum_is_that_of_simulated_paths():
    lags = np.array([[[0.5, 0.1], [0.0, 0.3]], [[0.2, 0.0], [0.1, -0.2]]])
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]])
    fitted = Lagged(np.array([0.1, 0.0]), lags, covariance)
    past = np.array([[[1.0, 0.0], [0.5, -1.0]]])
    mean, variance = fitted.ahead(past, (1, 4))
    shocks = np.random.default_rng(0).multivariate_normal([0, 0], covariance, (200_000, 4))
    one, two, total = np.tile(past[0, 0], (200_000, 1)), np.tile(past[0, 1], (200_000, 1)), 0.0
    for k in range(4):
        one, two = fitted.constant + one @ lags[0].T + two @ lags[1].T + shocks[:, k], one
        total = total + one
    assert np.allclose(mean[0, 1], total.mean(axis=0), atol=0.02)
    assert np.allclose(variance[1], total.var(axis=0), rtol=0.02)


def test_without_memory_no_lag_is_chosen():
    noise = np.random.default_rng(0).normal(size=(400, 1))
    fitted = fit_lags(noise, 6)
    assert len(fitted.lags) == 0
    mean, variance = fitted.ahead(np.zeros((2, 1, 1)), (1, 3))
    assert np.allclose(mean[:, :, 0], noise.mean() * np.array([1, 3]))
    assert variance[1, 0] == pytest.approx(3 * noise.var(ddof=1))


def test_other_times_are_no_panel():
    bars = read_bars(
        {
            "asset": ["A"] * 30 + ["B"] * 30,
            "time": np.concatenate([np.arange(30), np.arange(30) * 2]).astype("datetime64[D]"),
            "close": np.linspace(1, 2, 60),
        }
    )
    with pytest.raises(InputError, match="'A' and 'B' have bars at other times"):
        Autoregression(joint=True, largest=2).fit(bars)


@pytest.mark.parametrize("kept", [slice(0, 190), slice(5, 200)])
def test_series_of_other_lengths_are_refused_together_and_taken_alone(kept):
    whole = macro()
    rows = np.concatenate([np.arange(200), whole.offsets[1] + np.arange(200)[kept]])
    bars = whole.take(rows)
    short, long = bars.assets[np.argsort(np.diff(bars.offsets))]
    count = len(range(200)[kept])
    with pytest.raises(InputError, match=f"'{short}' has {count} and '{long}' has 200; cut them"):
        Autoregression(joint=True, largest=4).fit(bars)
    assert len(Autoregression(largest=4).fit(bars).fitted_) == 2


def test_the_prior_of_minnesota_is_rows_added_to_least_squares() -> None:
    random = np.random.default_rng(0)
    series = random.normal(size=(120, 3)) * [1.0, 5.0, 0.2]
    series[1:, 0] += 0.5 * series[:-1, 1] / 5
    found = fit_shrunk(series, 2, 0.3)
    unit = series / series.std(axis=0)
    for k in range(3):
        x = np.column_stack([np.ones(118), unit[1:-1], unit[:-2]])
        prior = np.zeros((6, 7))
        for place in range(6):
            lag, of = place // 3 + 1, place % 3
            prior[place, place + 1] = lag / (0.3 * (1.0 if of == k else 0.5))
        both, y = np.vstack([x, prior]), np.concatenate([unit[2:, k], np.zeros(6)])
        best = np.linalg.lstsq(both, y, rcond=None)[0]
        scale = series.std(axis=0)
        expected = best[1:].reshape(2, 3) * scale[k] / scale
        np.testing.assert_allclose(found.lags[:, k], expected, rtol=1e-8)
        assert found.constant[k] == pytest.approx(best[0] * scale[k])
    plain = series[2:] - found.constant - series[1:-1] @ found.lags[0].T - series[:-2] @ found.lags[1].T
    np.testing.assert_allclose(found.covariance, plain.T @ plain / 118)


def test_without_much_of_a_prior_it_is_least_squares_and_under_a_hard_one_the_mean() -> None:
    series = np.random.default_rng(1).normal(0.3, 1.0, (300, 2))
    loose, hard = fit_shrunk(series, 1, 1e4), fit_shrunk(series, 1, 1e-4)
    x = np.column_stack([np.ones(299), series[:-1]])
    np.testing.assert_allclose(loose.lags[0], np.linalg.lstsq(x, series[1:], rcond=None)[0][1:].T, atol=1e-5)
    np.testing.assert_allclose(hard.constant, series[1:].mean(axis=0), atol=1e-4)
    with pytest.raises(InputError, match="tightness is a number above 0"):
        Autoregression(tightness=0.0).fit(read_bars(drawn_bars(60)))
