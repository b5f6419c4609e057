"""Filtered historical simulation against a simulation by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.traditional.markets.filtered import simulate

LEVELS = (0.01, 0.05, 0.5, 0.95)
POOL = np.random.default_rng(1).standard_t(6, 3000) / np.sqrt(1.5)
POOL = (POOL - POOL.mean()) / POOL.std()


def step(variance, shock):
    return 1e-6 + variance * (0.9 + 0.08 * shock**2)


def brute(start, days, paths=100_000):
    random = np.random.default_rng(2)
    variance, total = np.full(paths, start), np.zeros(paths)
    for _ in range(days):
        shock = random.choice(POOL, paths)
        total += np.sqrt(variance) * shock
        variance = step(variance, shock)
    return total


def test_between_grid_points_the_distribution_is_that_of_brute_force():
    found = simulate(step, POOL, np.array([2e-5, 1e-3]), 0.0, (1, 10), LEVELS, paths=40_000)
    for start in (3e-5, 4e-4):
        total = brute(start, 10)
        variance, quantiles, shortfall, up = found.at(np.array([start]))
        assert variance[0, 1] == pytest.approx(total.var(), rel=0.03)
        expected = np.quantile(total, LEVELS)
        assert np.allclose(quantiles[0, 1], expected, atol=0.04 * total.std())
        assert shortfall[0, 1, 1] == pytest.approx(total[total <= expected[1]].mean(), rel=0.04)
        assert up[0, 1] == pytest.approx((total > 0).mean(), abs=0.015)


def test_over_one_bar_nothing_is_drawn():
    found = simulate(step, POOL, np.array([1e-5, 1e-4]), 0.0, (1,), LEVELS)
    variance, quantiles, _, _ = found.at(np.array([5e-5]))
    assert variance[0, 0] == pytest.approx(5e-5)
    assert np.allclose(quantiles[0, 0], np.sqrt(5e-5) * np.quantile(POOL, LEVELS, method="weibull"))


def test_a_drift_moves_the_probability_of_up():
    variances = np.array([1e-5, 1e-4])
    flat, rising = (simulate(step, POOL, variances, drift, (1, 5), LEVELS) for drift in (0.0, 0.002))
    assert (rising.up > flat.up + 0.01).all()
    assert np.array_equal(flat.quantiles, rising.quantiles)


def test_every_residual_is_drawn_equally_often_whatever_their_number():
    skewed = np.concatenate([np.full(2999, -0.01), [30.0]])
    found = simulate(lambda v, s: v, skewed, np.array([1.0, 2.0]), 0.0, (2,), (0.5,), paths=6000)
    variance, _, _, _ = found.at(np.array([1.0]))
    assert variance[0, 0] == pytest.approx(2, rel=0.01)


def test_residuals_off_centre_and_scale_give_what_standardised_ones_give():
    variances = np.array([1e-5, 1e-4])
    plain, moved = (
        simulate(step, pool, variances, 0.0, (1, 2, 10), LEVELS) for pool in (POOL, 0.3 + 1.4 * POOL)
    )
    for name in ("variance", "quantiles", "shortfall", "up"):
        assert np.allclose(getattr(moved, name), getattr(plain, name), rtol=1e-9, atol=1e-12)
    still = simulate(lambda v, s: v, 0.3 + 1.4 * POOL, variances, 0.0, (1, 2, 10), LEVELS, paths=6000)
    assert np.allclose(still.variance, [[1, 2, 10]], rtol=0.05)


def test_residuals_that_are_all_alike_spread_nothing():
    found = simulate(lambda v, s: v, np.zeros(50), np.array([1.0, 2.0]), 0.0, (1, 3), LEVELS)
    assert (found.quantiles == 0).all() and np.isfinite(found.variance).all()
