"""The head of demand: it starts at the expectation, stays within its reach, and learns means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import gamma as gamma_law
from scipy.stats import poisson

from bezant.network.heads.demand import MOST_PURCHASES, REACH, DemandHead, demand_terms


@pytest.fixture
def head() -> DemandHead:
    torch.manual_seed(0)
    return DemandHead(members=3, width=4)


def test_it_begins_at_what_was_expected(head):
    head.start_at(torch.zeros(5, 5))
    assert head(torch.randn(3, 5, 4)).abs().max() == 0


def test_no_input_makes_a_correction_larger_than_its_reach(head):
    out = head(1e9 * torch.randn(3, 50, 4))
    assert out.shape == (50, 3, 3)
    assert torch.isfinite(out).all()
    assert out.abs().max() <= REACH


def test_terms_differ_as_the_likelihoods_of_other_libraries_do():
    target = torch.tensor([[3.0, 20.0, 0.4, -0.3, 2.5], [0.0, 0.0, -1.0, -2.0, 3.0]], dtype=torch.float64)
    one, other = (
        torch.full((2, 3), v, dtype=torch.float64) * torch.tensor([1.0, 2.0, 0.5]) for v in (0.1, 0.7)
    )
    found = (demand_terms(one, target) - demand_terms(other, target)).numpy()
    rates = [torch.exp(target[:, 2] + c[:, 0]).numpy() for c in (one, other)]
    slow = [-poisson.logpmf([3, 0], r) for r in rates]
    np.testing.assert_allclose(found[:, 0], slow[0] - slow[1])
    p = [torch.sigmoid(target[:, 3] + c[:, 1]).numpy() for c in (one, other)]
    slow = [-np.log([v[0], 1 - v[1]]) for v in p]
    np.testing.assert_allclose(found[:, 1], slow[0] - slow[1])
    means = [np.exp(float(target[0, 4] + c[0, 2])) for c in (one, other)]
    slow = [-3 * gamma_law.logpdf(20.0, 1, scale=m) for m in means]
    np.testing.assert_allclose(found[0, 2], slow[0] - slow[1])
    assert found[1, 2] == 0  # who bought nothing says nothing about amounts


def test_the_loss_is_least_at_the_mean_rate_and_the_mean_amount():
    rng = np.random.default_rng(0)
    count = rng.negative_binomial(0.5, 0.3, 4000)
    amount = rng.gamma(3.0, 9.0, 4000)
    target = torch.tensor(np.column_stack([count, amount, *np.zeros((3, 4000))]))
    weight = np.minimum(count, MOST_PURCHASES)
    grid = torch.linspace(-1.5, 4.5, 601, dtype=torch.float64)
    losses = torch.stack([demand_terms(g.expand(4000, 3), target).mean(0) for g in grid])
    best = grid[losses.argmin(0)].numpy()
    share = (count > 0).mean()
    expected = [np.log(count.mean()), np.log(share / (1 - share)), np.log(np.average(amount, weights=weight))]
    np.testing.assert_allclose(best, expected, atol=0.011)
