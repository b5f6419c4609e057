"""Weights and corrections of forecasts, against what was built into them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from bezant.desks.markets.weights import Combination, Outcome
from bezant.traditional.markets import MarketForecast
from bezant.traditional.markets.tails import shortfall_of, up_of
from bezant.types import FloatArray, InputError

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TIMES = 2000


def forecast_of(scale: FloatArray, shift: float = 0.0) -> MarketForecast:
    """A normal law of these volatilities, shape (n, h)."""
    quantiles = scale[..., None] * (norm.ppf(LEVELS) + shift)
    return MarketForecast(
        np.arange(len(scale)),
        (1, 5),
        LEVELS,
        np.zeros(scale.shape),
        scale**2,
        quantiles,
        shortfall_of(quantiles, LEVELS),
        up_of(quantiles, LEVELS),
    )


def drawn(seed: int = 0) -> tuple[FloatArray, Outcome]:
    random = np.random.default_rng(seed)
    scale = np.exp(random.normal(0, 0.5, (TIMES, 2)))
    return scale, Outcome(
        scale * random.normal(size=(TIMES, 2)), scale**2 * random.gamma(4, 0.25, (TIMES, 2)), TIMES
    )


def test_weights_go_to_what_forecasts_best_and_the_prior_holds_where_nothing_tells_them_apart() -> None:
    scale, outcome = drawn()
    noise = np.exp(np.random.default_rng(1).normal(0, 0.6, scale.shape))
    good, bad = forecast_of(scale), forecast_of(scale * noise)
    learned = Combination.learn([bad, good], outcome)
    assert (learned.variance_weights[:, 1] > 0.7).all() and (learned.quantile_weights[:, 1] > 0.5).all()
    alike = Combination.learn([good, good], outcome, prior=(3, 1))
    np.testing.assert_allclose(alike.variance_weights, [[0.75, 0.25]] * 2, atol=1e-6)
    assert alike.of_variance == pytest.approx((0.75, 0.25))
    few = Combination.learn([bad, good], dataclasses.replace(outcome, times=20))
    assert (few.variance_weights[:, 1] < learned.variance_weights[:, 1]).all()


def test_a_law_that_is_too_narrow_is_widened_and_a_right_one_hardly_moved() -> None:
    scale, outcome = drawn()
    later_scale, later = drawn(seed=5)
    for factor in (0.7, 1.0):
        narrow = forecast_of(factor * scale)
        learned = Combination.learn([narrow], outcome)
        found = learned.apply([forecast_of(factor * later_scale)])
        below = (later.change[..., None] < found.quantiles).mean(axis=0)
        np.testing.assert_allclose(below[0], LEVELS, atol=0.02)
        raw = (later.change[:, 0] < factor * later_scale[:, 0] * norm.ppf(0.01)).mean()
        assert (raw > 0.03) == (factor < 1)
    assert np.abs(learned.correction[0]).max() < 0.1
    assert (learned.correction == 0).any()  # what is less than its own error is left


def test_few_days_correct_only_what_two_standard_errors_tell() -> None:
    scale, outcome = drawn()
    narrow = forecast_of(0.85 * scale)
    asked = (1 / 0.85 - 1) * norm.ppf(LEVELS[0])
    steep = (norm.ppf(LEVELS[1]) - norm.ppf(LEVELS[0])) / (LEVELS[1] - LEVELS[0])
    error = np.sqrt(LEVELS[0] * (1 - LEVELS[0])) * steep  # of one independent day
    for times, moved in ((int((error / asked) ** 2), False), (int(16 * (error / asked) ** 2), True)):
        learned = Combination.learn([narrow], dataclasses.replace(outcome, times=times))
        assert (learned.correction[0, 0] < 0) == moved


def test_a_combination_is_the_weighted_mean_of_its_parts() -> None:
    one, other = forecast_of(np.ones((3, 2))), forecast_of(np.full((3, 2), 2.0))
    weights = np.array([[0.25, 0.75], [1.0, 0.0]])
    found = Combination(weights, weights[::-1], np.zeros((2, len(LEVELS)))).apply([one, other])
    np.testing.assert_allclose(found.variance, [[3.25, 1.0]] * 3)
    np.testing.assert_allclose(found.quantiles[:, 0], one.quantiles[:, 0])
    np.testing.assert_allclose(found.quantiles[0, 1], 1.75 * norm.ppf(LEVELS))
    np.testing.assert_allclose(
        found.shortfall[0, 1], 0.25 * one.shortfall[0, 1] + 0.75 * other.shortfall[0, 1]
    )
    again = Combination.restore(Combination(weights, weights, np.ones((2, len(LEVELS)))).document())
    np.testing.assert_array_equal(again.variance_weights, weights)


def test_forecasts_that_do_not_belong_together_are_refused() -> None:
    weights = np.array([[0.5, 0.5]] * 2)
    fair = Combination(weights, weights, np.zeros((2, len(LEVELS))))
    one = forecast_of(np.ones((3, 2)))
    with pytest.raises(InputError, match="other origins"):
        fair.apply([one, dataclasses.replace(one, rows=np.arange(3) + 1)])
    with pytest.raises(InputError, match="2 weights do not fit 1"):
        fair.apply([one])
    with pytest.raises(InputError, match="add up to 1"):
        Combination(2 * weights, weights, np.zeros((2, len(LEVELS))))


def test_weights_of_an_earlier_version_are_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match="no 'variance_weights': an earlier version wrote it"):
        Combination.restore({"of_variance": [1.0], "of_quantiles": [1.0], "correction": [[0.0]]})
