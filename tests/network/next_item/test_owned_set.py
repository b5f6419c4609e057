"""The network over sets: what is hidden is not read, and the best answer is found where it is known."""

from __future__ import annotations

import pytest
import torch

from bezant.network.batch import Batch
from bezant.network.next_item import OwnedSetConfig, learn_owned_set


def batch_of(rows: int = 40, products: int = 6) -> Batch:
    torch.manual_seed(0)
    owned = (torch.rand(rows, products) < 0.5).float()
    owned[:, 0] = 1
    return Batch(torch.randn(rows, 2), torch.randint(0, 3, (rows, 1)).int(), target=owned)


def test_owned_products_have_no_probability_and_the_others_all_of_it():
    batch = batch_of()
    network = learn_owned_set(batch, OwnedSetConfig(products=6, members=3, width=8), (3,)).eval()
    scores = network.scores(batch.target, batch)
    some = batch.target.sum(1) < 6
    assert (scores[some][batch.target[some].bool()] == 0).all()
    torch.testing.assert_close(scores[some].sum(1), torch.ones(int(some.sum())))


def test_the_answer_does_not_know_what_was_hidden():
    batch = batch_of()
    network = learn_owned_set(batch, OwnedSetConfig(products=6, members=3, width=8), (3,)).eval()
    one = batch.rows(torch.tensor([3]))
    hidden = [network(one)[0].detach() for _ in range(40)]
    owned = one.target[0].nonzero()[:, 0]
    left = one.target.repeat(len(owned), 1)
    left[torch.arange(len(owned)), owned] = 0
    rows = one.rows(torch.zeros(len(owned)).long())
    expected = network.log_probabilities(left, rows)[:, torch.arange(len(owned)), owned].T  # (owned, K)
    for answer in hidden:  # each draw is one of the owned products, seen from the set without it
        assert (expected - answer).abs().sum(1).min() < 1e-5
    assert len({round(float(a[0]), 6) for a in hidden}) == len(owned)


def test_judging_hides_each_product_in_turn():
    batch = batch_of(5)
    network = learn_owned_set(batch, OwnedSetConfig(products=6, members=2, width=4), (3,)).eval()
    total = 0.0
    for i in range(5):
        losses = []
        for j in batch.target[i].nonzero()[:, 0]:
            left = batch.target[i : i + 1].clone()
            left[0, j] = 0
            losses.append(-float(network.scores(left, batch.rows(slice(i, i + 1)))[0, j].log()))
        total += sum(losses) / len(losses) / 5
    assert network.judge(batch) == pytest.approx(total, rel=1e-5)
