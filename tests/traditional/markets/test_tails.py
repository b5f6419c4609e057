"""Quantiles, shortfalls and probabilities of up against loops, integrals and known laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from bezant.traditional.markets.tails import empirical, normal, shortfall_of, up_of

LEVELS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995)


def integral(law, level: float) -> float:
    """Mean of a law below its quantile, by quadrature over the quantiles."""
    share = (np.arange(20_000) + 0.5) / 20_000 * level
    return float(law.ppf(share).mean())


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=60), st.floats(0.01, 0.99))
def test_a_shortfall_is_the_mean_of_the_lowest_share_and_never_above_its_quantile(values, level):
    quantiles, shortfall = empirical(np.array(values), (level,))
    ordered, left, total = sorted(values), level * len(values), 0.0
    for value in ordered:
        part = min(left, 1.0)
        total, left = total + part * value, left - part
    assert quantiles[0] == pytest.approx(np.quantile(values, level, method="weibull"), abs=1e-9)
    assert shortfall[0] == pytest.approx(min(total / (level * len(values)), quantiles[0]), abs=1e-9)


def test_a_further_draw_lies_below_a_quantile_as_often_as_the_level_says():
    random = np.random.default_rng(0)
    samples, further = random.normal(size=(20_000, 99)), random.normal(size=20_000)
    quantiles, _ = empirical(samples, (0.02, 0.05))
    below = (further[:, None] < quantiles).mean(axis=0)
    usual = (further < np.quantile(samples, 0.02, axis=1)).mean()
    assert below.tolist() == pytest.approx([0.02, 0.05], abs=0.003)
    assert usual > 0.026  # by numpy's default, which is exceeded too often


def test_samples_side_by_side_are_samples_one_by_one():
    samples = np.random.default_rng(0).normal(size=(3, 2, 50))
    together = empirical(samples, LEVELS)
    for i in range(3):
        for j in range(2):
            assert all(
                np.array_equal(a[i, j], b)
                for a, b in zip(together, empirical(samples[i, j], LEVELS), strict=True)
            )


def test_the_normal_law_is_that_of_an_integral():
    quantiles, shortfall, up = normal(np.array([0.1]), np.array([2.0]), (0.025, 0.5))
    law = norm(0.1, 2.0)
    for k, level in enumerate((0.025, 0.5)):
        assert quantiles[0, k] == pytest.approx(law.ppf(level))
        assert shortfall[0, k] == pytest.approx(integral(law, level), rel=1e-3)
    assert up[0] == pytest.approx(law.sf(0))


@pytest.mark.parametrize("law", [norm(0, 1), t(4)])
def test_shortfalls_from_quantiles_alone_are_near_those_of_the_law(law):
    quantiles = law.ppf(LEVELS)
    found = shortfall_of(quantiles[None], LEVELS)[0]
    exact = np.array([integral(law, level) for level in LEVELS])
    assert np.allclose(found[:6], exact[:6], rtol=0.08)
    assert (found <= quantiles).all()
    assert (shortfall_of(quantiles[None, :2], LEVELS[:2]) <= quantiles[:2]).all()


def test_the_probability_of_up_is_read_from_the_quantiles():
    quantiles = norm(0.3, 1).ppf(LEVELS)
    rows = np.stack([quantiles, quantiles - 10, quantiles + 10, np.zeros(13)])
    found = up_of(rows, LEVELS)
    assert found[0] == pytest.approx(norm(0.3, 1).sf(0), abs=0.01)
    assert found[1:3].tolist() == pytest.approx([0.005, 0.995])
    assert 0 <= found[3] <= 1
