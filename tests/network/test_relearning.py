"""Statistics of other rows in a trained network: the tables change, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

import training_support
from bezant.metrics.target_statistics import stratified_folds
from bezant.network.model import Network, NetworkConfig
from bezant.network.relearning import relearn_statistics
from bezant.training.config import TrainingConfig
from bezant.training.table import FOLDS, TablePlan, batch_of, prepare

TABLES = ("fields.statistics.table", "fields.interactions.keys", "fields.interactions.values")


def prepared(rows: int = 3000):
    table, schema, y = training_support.loans(rows)
    plan = TablePlan(
        network=NetworkConfig(size="tiny", trunk="mlp"), training=TrainingConfig(seed=0), statistics_from=5
    )
    encoding, network, batch = prepare(table, schema, y, plan.resolved(len(y)))
    return batch_of(table, encoding, y), network, batch, torch.from_numpy(stratified_folds(y, FOLDS, 0))


def test_the_same_rows_give_the_same_statistics_again() -> None:
    raw, network, learned, folds = prepared()
    assert network.fields.interactions is not None, "the rows must have pairs for this to say anything"
    again, rows = relearn_statistics(network, raw, folds)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert torch.equal(rows.statistics, learned.statistics)


def test_other_rows_change_the_tables_alone_and_not_the_old_network() -> None:
    raw, network, _, folds = prepared()
    before = {name: t.clone() for name, t in network.state_dict().items()}
    some = torch.arange(0, len(raw), 3)
    again, rows = relearn_statistics(network, raw.rows(some), folds[some])
    changed = {n for n, t in again.state_dict().items() if not torch.equal(t, before[n])}
    assert set(TABLES) >= changed > {TABLES[0]}
    assert all(torch.equal(t, before[n]) for n, t in network.state_dict().items())
    own = len(network.fields.scale.centre) - raw.numbers.shape[1] - len(network.fields.config.ratios)
    assert rows.statistics is not None
    assert rows.statistics.shape == (len(some), own)


def test_a_fold_hears_nothing_of_its_own_outcomes_in_the_single_statistics() -> None:
    raw, network, _, folds = prepared()
    inside = folds == 3
    turned = raw.target.clone()
    turned[inside] = 1 - turned[inside]
    width = network.fields.statistics.width
    one = relearn_statistics(network, raw, folds)[1].statistics[:, :width]
    other = relearn_statistics(network, replace(raw, target=turned), folds)[1].statistics[:, :width]
    assert torch.allclose(one[inside], other[inside])
    assert not torch.allclose(one[~inside], other[~inside])


def test_the_network_can_be_built_again_from_its_configuration() -> None:
    raw, network, _, folds = prepared()
    again, _ = relearn_statistics(network, raw.rows(slice(0, 1200)), folds[:1200])
    built = Network(NetworkConfig.model_validate(again.config.model_dump()))
    built.load_state_dict(again.state_dict())
    np.testing.assert_array_equal(built.predict(raw).numpy(), again.predict(raw).numpy())
