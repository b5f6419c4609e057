"""The pooled gamma regression against what data were drawn from, and against numerical optimisation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize

from bezant.histories.market import market_features, read_bars, sum_ahead
from bezant.traditional.markets import MarketBoosting, PooledGamma
from bezant.traditional.markets.pooled import (
    FAR,
    PRIOR,
    LinearVariance,
    past_shapes,
    variance_targets,
)
from bezant.types import InputError
from market_support import drawn_bars

NONE = np.zeros(3, bool)


def drawn(rows: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(2.0, 3.0, (rows, 3))
    y = np.exp(0.2 + x @ [0.1, -0.05, 0.0]) * random.gamma(2, 0.5, rows)
    return x, y[:, None]


def test_the_regression_is_the_least_of_qlike_and_ridge() -> None:
    x, y = drawn()
    found = LinearVariance.solve(x, y, NONE)
    units = np.clip((x - x.mean(axis=0)) / x.std(axis=0), -FAR, FAR)

    def loss(b: np.ndarray) -> float:
        fits = b[0] + units @ b[1:]
        return float(np.mean(y[:, 0] * np.exp(-fits) + fits) + 0.5 * PRIOR / len(y) * np.sum(b[1:] ** 2))

    best = minimize(loss, np.zeros(4), tol=1e-12).x
    np.testing.assert_allclose(found.coefficients[:, 0], best, atol=1e-4)
    np.testing.assert_allclose(found.logarithm(x)[:, 0], best[0] + units @ best[1:], atol=1e-3)


def test_a_feature_that_is_seldom_known_is_learned_where_it_is_and_spoils_nothing_elsewhere() -> None:
    random = np.random.default_rng(1)
    x, y = drawn(6000, seed=2)
    hidden = random.normal(size=len(x))
    y = y * np.exp(0.5 * hidden)[:, None] / np.exp(0.125)
    late = np.where(np.arange(len(x)) >= 5000, hidden, np.nan)
    found = LinearVariance.solve(np.column_stack([x, late]), y, np.zeros(4, bool))
    plain = LinearVariance.solve(x, y, NONE)
    sees = np.column_stack([x, late])[5000:]
    true = 0.2 + x[5000:] @ [0.1, -0.05, 0.0] + 0.5 * hidden[5000:]
    error = np.std(found.logarithm(sees)[:, 0] - true)
    assert error < 0.15 < 0.4 < np.std(plain.logarithm(x[5000:])[:, 0] - true)


def test_an_offset_is_added_and_not_learned() -> None:
    x, y = drawn()
    offset = np.random.default_rng(3).normal(0, 0.3, y.shape)
    plain = LinearVariance.solve(x, y, NONE)
    beside = LinearVariance.solve(x, y * np.exp(offset), NONE, offset)
    np.testing.assert_allclose(beside.coefficients, plain.coefficients, atol=1e-6)


def test_targets_are_mean_variances_ahead_of_a_loop() -> None:
    bars = read_bars(drawn_bars(100).select(["asset", "time", "close"]))
    scale = np.full(len(bars), 0.01)
    found = variance_targets(bars, scale, (1, 3))
    own = bars.only("A").returns
    for row in (1, 50, 96):
        assert found[row, 1] == pytest.approx(np.mean(own[row + 1 : row + 4] ** 2) / 0.01**2)
    assert np.isnan(found[97:100, 1]).all() and np.isfinite(found[98, 0])
    assert np.isfinite(sum_ahead(np.ones(4), 1)).sum() == 3


def test_past_shapes_are_those_of_changes_over_their_volatility() -> None:
    bars = read_bars(drawn_bars(300))
    means = np.full((len(bars), 1), 0.01**2)
    means[:50] = np.nan
    found = past_shapes(bars, means, (5,), (0.05, 0.5))["A"]
    units = bars.ahead(5)[50:295] / 0.01 / np.sqrt(5)
    assert found.squares[0] == pytest.approx(np.mean(units**2))
    assert found.quantiles[0].tolist() == pytest.approx(np.quantile(units, (0.05, 0.5), method="weibull"))
    assert found.up[0] == pytest.approx(np.mean(units > 0))


def test_what_is_the_same_in_all_assets_is_told_from_all_of_them() -> None:
    random = np.random.default_rng(0)
    common = np.exp(np.cumsum(random.normal(0, 0.05, 900)) * 0.5)
    moves = 0.01 * common * random.normal(size=(12, 900))
    days = np.datetime64("2001-01-01", "us") + np.arange(900) * np.timedelta64(1, "D")
    names = np.repeat([f"S{k:02d}" for k in range(12)], 900)
    close = 50 * np.exp(moves.cumsum(axis=1)).ravel()
    bars = read_bars({"asset": names, "time": np.tile(days, 12), "close": close})
    past = bars.until(bars.time[0] + np.timedelta64(699, "D"))
    rows = np.flatnonzero((bars.time > past.time.max()) & np.isfinite(bars.ahead(1)))
    truth = np.tile((0.01 * common[701:900]) ** 2, 12)
    errors = {}
    for name, given in {"all": past, "alone": past.only("S00")}.items():
        own = rows if name == "all" else rows[bars.owner[rows] == 0]
        known = bars if name == "all" else bars.only("S00")
        answer = PooledGamma().fit(given, horizons=(1,), levels=(0.05, 0.5)).forecast(known, own)
        came = truth if name == "all" else truth[: len(own)]
        errors[name] = np.std(np.log(answer.variance[:, 0] / came))
    assert errors["all"] < 0.8 * errors["alone"]


def test_trees_beside_the_regression_answer_with_its_shapes() -> None:
    bars = read_bars(drawn_bars(420))
    rows = np.array([300, 350, 700])
    model = MarketBoosting(linear=True, trees=1, learning_rate=1e-9, fewest=20)
    found = model.fit(bars, horizons=(1, 3), levels=(0.05, 0.5)).forecast(bars, rows)
    plain = PooledGamma().fit(bars, horizons=(1, 3), levels=(0.05, 0.5)).forecast(bars, rows)
    np.testing.assert_allclose(found.quantiles, plain.quantiles, rtol=1e-4, atol=1e-8)
    left = market_features(bars)
    assert len(model.trees_) == 2 and len(left.names) == len(model.names_)


def test_bars_of_other_columns_are_refused() -> None:
    bars = read_bars(drawn_bars(420))
    model = PooledGamma().fit(bars, horizons=(1,), levels=(0.05, 0.5))
    with pytest.raises(InputError, match="features but the bars give"):
        model.forecast(dataclasses.replace(bars, volume=None), np.array([300]))
