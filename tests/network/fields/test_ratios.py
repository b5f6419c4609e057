"""Log-ratios of amounts: which pairs are taken, and their values."""

import numpy as np
import torch
from scipy.stats import spearmanr

from bezant.network.fields.ratios import LEAST_CORRELATION, choose_ratios, log_ratios


def amounts(n=5000):
    rng = np.random.default_rng(0)
    loan = rng.lognormal(10, 1, n)
    part = loan * rng.uniform(0.5, 0.9, n)
    other = rng.lognormal(10, 1, n)
    few = rng.integers(1, 12, n).astype(float)
    signed = np.log(loan) - 10
    table = np.stack([loan, part, other, few, few + 1, signed, signed**3], 1)
    return torch.from_numpy(table.astype(np.float32))


def test_only_amounts_that_move_together_are_taken():
    table = amounts()
    assert choose_ratios(table) == ((0, 1),)
    assert spearmanr(table[:, 0], table[:, 1]).statistic > LEAST_CORRELATION


def test_the_rule_uses_the_rank_correlation():
    table = amounts()
    noise = torch.from_numpy(np.random.default_rng(1).normal(size=len(table)).astype(np.float32))
    for spread in (0.1, 0.5, 0.7, 0.8, 2.0):
        pair = torch.stack([table[:, 0], table[:, 0] * torch.exp(noise * spread)], 1)
        wanted = spearmanr(pair[:, 0], pair[:, 1]).statistic > LEAST_CORRELATION
        assert (choose_ratios(pair) == ((0, 1),)) == wanted


def test_the_most_correlated_come_first_and_no_more_than_asked_for():
    loan = amounts()[:, :1]
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(len(loan), 3, generator=generator) * torch.tensor([0.3, 0.01, 0.1])
    table = torch.cat([loan, loan * torch.exp(noise)], 1)
    assert choose_ratios(table, 1) == ((0, 2),)
    assert len(choose_ratios(table, 4)) == 4


def test_a_multiple_of_a_column_says_nothing_new():
    loan = amounts()[:, :1]
    assert choose_ratios(torch.cat([loan, loan * 2], 1)) == ()


def test_ratios_are_logarithms_and_undefined_without_two_positive_amounts():
    table = torch.tensor([[2.0, 1.0], [0.0, 1.0], [1.0, -1.0], [torch.nan, 1.0], [1.0, 1.0]])
    found = log_ratios(table, ((0, 1), (1, 0)))
    assert torch.isnan(found[1:4]).all()
    torch.testing.assert_close(found[[0, 4]], torch.tensor([[np.log(2), -np.log(2)], [0, 0]]).float())
    assert log_ratios(table, ()).shape == (5, 0)


def test_the_same_part_of_any_amount_is_the_same_number():
    loan = torch.arange(1000, 500_000, 4).float()  # single precision would give some dozens of numbers
    found = log_ratios(torch.stack([loan * 0.75, loan], 1), ((0, 1),))
    assert torch.unique(found).tolist() == [np.float32(np.log(0.75))]
