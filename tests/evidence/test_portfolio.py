"""Portfolio losses: against exact moments, the Basel formula's own numbers, and the large-portfolio limit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bezant.evidence.portfolio import (
    PortfolioLoss,
    basel_correlation,
    checked_correlation,
    conditional_pd,
    simulate_losses,
)
from bezant.types import InputError


def test_independent_losses_have_the_exact_mean_and_variance() -> None:
    draw = np.random.default_rng(0)
    n = 60
    pd, ead = draw.uniform(0.05, 0.4, n), draw.uniform(1, 10, n)
    severities = np.sort(draw.random((n, 20)), axis=1)
    group = np.arange(n) % 2
    losses = simulate_losses(pd, severities, ead, group=group, simulations=20_000)
    for k in (0, 1):
        s = group == k
        mean = pd[s] * severities[s].mean(1) * ead[s]
        second = pd[s] * (severities[s] ** 2).mean(1) * ead[s] ** 2
        assert losses[:, k].mean() == pytest.approx(mean.sum(), rel=0.02)
        assert losses[:, k].var() == pytest.approx((second - mean**2).sum(), rel=0.05)


def test_a_common_factor_gives_vasiceks_large_portfolio() -> None:
    pd, rho = 0.1, 0.2
    losses = simulate_losses(
        np.full(2000, pd), np.ones((2000, 2)), np.full(2000, 1 / 2000), correlation=rho, simulations=4000
    )[:, 0]
    assert losses.mean() == pytest.approx(pd, rel=0.05)
    for level in (0.5, 0.9, 0.99):
        z = stats.norm.ppf(level)
        limit = stats.norm.cdf((stats.norm.ppf(pd) + np.sqrt(rho) * z) / np.sqrt(1 - rho))
        assert np.quantile(losses, level) == pytest.approx(limit, rel=0.08)


def test_conditional_pds_average_to_the_pd_and_fall_with_the_factor() -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    found = conditional_pd(np.array([0.01, 0.2]), np.array([0.24, 0.12]), nodes)
    assert_allclose(weights @ found / weights.sum(), [0.01, 0.2], rtol=1e-6)
    assert np.all(np.diff(found, axis=0) <= 0)


def test_basel_correlation_runs_from_24_to_12_per_cent() -> None:
    # CRE31.5 by hand at a PD of 1 %: 0.12 x 0.39347 + 0.24 x 0.60653
    assert_allclose(basel_correlation(np.array([0.0, 0.01, 1.0])), [0.24, 0.192784, 0.12], atol=1e-6)
    assert checked_correlation(0.1, np.zeros(3)).tolist() == [0.1] * 3
    for wrong in (1.0, -0.1, "vasicek"):
        with pytest.raises(InputError, match="correlation"):
            checked_correlation(wrong, np.zeros(2))


def test_the_same_seed_gives_the_same_losses() -> None:
    args = (np.full(50, 0.2), np.random.default_rng(0).random((50, 5)), np.ones(50))
    first, again = (simulate_losses(*args, simulations=50, random_state=4) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, simulate_losses(*args, simulations=50, random_state=5))


def test_places_say_where_the_realised_loss_stands() -> None:
    simulated = np.column_stack([np.arange(100.0), np.arange(100.0)])
    book = PortfolioLoss(
        ("2004", "all"), np.array([3, 3]), np.array([9.0, 9.0]), np.array([50.0, 50.0]), simulated,
        np.array([0.0, 200.0]), "year",
    )  # fmt: skip
    assert book.places is not None
    assert book.places.tolist() == [0.01, 1.0]
    assert book.interval(0.9)[0] == pytest.approx(np.quantile(np.arange(100.0), 0.05))
    assert "realised_loss" in book.columns()
    assert len(str(book).splitlines()) == 3
    with pytest.raises(ValueError, match="different lengths"):
        PortfolioLoss(("all",), np.array([3, 3]), np.ones(2), np.ones(2), simulated)
