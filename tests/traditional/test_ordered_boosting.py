"""CatBoost: tuned without seeing what it is judged on, saved without pickle, as good as it says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bezant.datasets import load_table
from bezant.metrics.classification import roc_auc
from bezant.schema import infer_schema
from bezant.traditional.ordered_boosting import OrderedBoosting, OrderedConfiguration

catboost = pytest.importorskip("catboost")

FEW = (OrderedConfiguration(depth=2), OrderedConfiguration(depth=3))


def rows(count: int = 3000):
    table = load_table("sba-sample").slice(0, 60_000).take(np.arange(0, 60_000, 60_000 // count)[:count])
    y = table["default"].to_numpy().astype(np.float64)
    table = table.drop_columns("default")
    schema = infer_schema(table, time="ApprovalDate")
    return schema.conform(table).table, schema, y


@pytest.fixture(scope="module")
def fitted():
    table, schema, y = rows()
    train, stop = np.arange(0, 3000, 3), np.arange(1, 3000, 3)
    model = OrderedBoosting(search=FEW, learning_rate=0.2, patience=10, cross_validated_rows=0, threads=1)
    model.fit(table.take(train), schema, y[train], stopping_table=table.take(stop), stopping_y=y[stop])
    return model, table, schema, y


def test_it_ranks_rows_that_it_has_not_seen(fitted):
    model, table, _, y = fitted
    unseen = np.arange(2, 3000, 3)
    assert roc_auc(y[unseen], model.score_table(table.take(unseen))) > 0.65


def test_the_configuration_with_the_least_loss_on_the_stopping_rows_wins(fitted):
    model, *_ = fitted
    losses = [loss for _, loss, _ in model.search_]
    assert model.configuration_ == FEW[int(np.argmin(losses))]
    assert str(round(min(losses), 4)) in model.notes_[0]


def test_its_document_is_json_and_gives_the_very_same_scores(fitted):
    model, table, *_ = fitted
    again = OrderedBoosting.from_document(json.loads(json.dumps(model.to_document())))
    np.testing.assert_array_equal(again.score_table(table), model.score_table(table))
    assert again.notes_ == model.notes_


def test_the_final_model_has_learned_from_all_rows_with_the_chosen_trees(fitted):
    model, table, schema, y = fitted
    final = model.final(table, schema, y)
    assert final.rounds_ == model.rounds_ == final.model_.tree_count_
    assert roc_auc(y, final.score_table(table)) > roc_auc(y, model.score_table(table))


def test_small_tables_choose_by_cross_validation(fitted):
    _, table, schema, y = fitted
    model = OrderedBoosting(search=FEW[:1], learning_rate=0.3, patience=5, threads=1)
    some = np.arange(0, 3000, 6)
    garbage = 1 - y[:10]
    model.fit(table.take(some), schema, y[some], stopping_table=table.slice(0, 10), stopping_y=garbage)
    assert "5-fold cross-validation of 500" in model.notes_[0]


def test_no_rows_give_no_scores(fitted):
    model, table, *_ = fitted
    assert model.score_table(table.slice(0, 0)).shape == (0,)
