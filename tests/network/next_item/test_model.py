"""The network over events: every position is an example, nothing is read ahead, empty histories work."""

from __future__ import annotations

import pytest
import torch

from bezant.network.backbones import BackboneConfig
from bezant.network.batch import Batch
from bezant.network.next_item import NextItem, NextItemConfig, learn_next_item
from bezant.network.records import Records

DAY = 86_400_000_000


def batch_of(products: list[list[int]], fields: int = 0, profile: int = 0) -> Batch:
    torch.manual_seed(1)
    lengths = torch.tensor([len(p) for p in products])
    codes = torch.tensor([i for p in products for i in p], dtype=torch.int32)[:, None]
    times = torch.cat([torch.arange(len(p)) * DAY for p in products]).long()
    numbers = torch.randn(len(codes), fields)
    records = Records(
        numbers, codes, times, lengths.cumsum(0) - lengths, lengths, torch.zeros(len(products)).long()
    )
    empty = torch.empty(len(products), 0, dtype=torch.int32)
    return Batch(torch.randn(len(products), profile), empty, records=records)


def network_of(batch: Batch, products: int = 9, kind: str = "transformer", **more: object) -> NextItem:
    backbone = BackboneConfig.model_validate({"kind": kind, "width": 16, "depth": 1, "dropout": 0.0} | (
        {"heads": 2} if kind == "transformer" else {}
    ))  # fmt: skip
    torch.manual_seed(0)
    return learn_next_item(batch, NextItemConfig(products=products, backbone=backbone, **more)).eval()


@pytest.mark.parametrize("kind", ["transformer", "cnn", "rnn"])
def test_each_query_is_the_one_that_a_history_cut_there_gives(kind):
    whole = batch_of([[1, 2, 3, 4], [5, 6]], fields=2, profile=3)
    network = network_of(whole, kind=kind)
    queries = network(whole)
    assert queries.shape == (6, 16)
    for row, kept, place in [(0, 0, 0), (0, 2, 2), (0, 3, 3), (1, 0, 4), (1, 1, 5)]:
        part = whole.rows(torch.tensor([row]))
        records = part.records
        cut = Records(*records.tensors()[:4], torch.tensor([kept]), records.moments)
        alone = network.next(Batch(part.numbers, part.codes, records=cut))[0]
        torch.testing.assert_close(alone, queries[place], atol=1e-5, rtol=1e-4)


def test_context_counts_as_no_example():
    batch = batch_of([[1, 2, 3, 4], [5, 6]])
    network = network_of(batch)
    counted = Batch(batch.numbers, batch.codes, target=torch.tensor([3, 0]), records=batch.records)
    torch.testing.assert_close(network(counted), network(batch)[[3, 4, 5]])
    products = torch.tensor([4, 5, 6])
    logits = network(counted) @ network.products.weight.T + network.bias
    plain = torch.nn.functional.cross_entropy(logits, products)
    torch.testing.assert_close(network.loss(network(counted), counted), plain)
    assert network.judge(counted) == pytest.approx(float(plain.detach()), rel=1e-5)


def test_recency_lets_the_last_position_weigh_most():
    batch = batch_of([[1, 2, 3, 4]])
    network = network_of(batch, recency=1.0)
    logits = network(batch) @ network.products.weight.T + network.bias
    each = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 2, 3, 4]), reduction="none")
    weights = torch.tensor([0.25, 0.5, 0.75, 1.0])
    torch.testing.assert_close(network.loss(network(batch), batch), (each * weights).sum() / weights.sum())


def test_scores_are_log_probabilities_in_the_order_of_the_rows():
    batch = batch_of([[1, 2, 3, 4, 5], [], [7]])
    network = network_of(batch, window=3)
    scores = network.scores(batch)
    torch.testing.assert_close(scores.exp().sum(1), torch.ones(3))
    for row in range(3):
        torch.testing.assert_close(network.scores(batch.rows(torch.tensor([row]))), scores[row : row + 1])
    shorter = batch_of([[3, 4, 5]])
    assert shorter.records is not None
    shorter.records.times.add_(2 * DAY)  # the same days of the week
    torch.testing.assert_close(network.scores(shorter)[0], scores[0], atol=1e-5, rtol=1e-4)


def test_a_backbone_that_reads_ahead_is_refused():
    with pytest.raises(ValueError, match="causal"):
        NextItem(NextItemConfig(products=3, backbone=BackboneConfig(causal=False)))
