"""Traditional hazard models, against person-period rows written out and against other libraries."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from bezant.datasets import load
from bezant.histories import read_table
from bezant.histories.labels_as_of import labels_as_of
from bezant.metrics.survival import kaplan_meier
from bezant.network.heads.hazard import hazard_targets
from bezant.schema import infer_schema
from bezant.traditional.hazard import HAZARDS, RIDGE, KaplanMeier, LogisticHazard
from bezant.traditional.inputs import read_inputs
from bezant.types import InputError

PERIOD, PERIODS = 12.0, 6


def case(rows: int = 1500) -> tuple[pa.Table, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    sample = load("sba-sample", raw=True)
    sample = sample[sample["ApprovalDate"] < "2003-01-01"].sample(rows, random_state=0)
    labels = labels_as_of(sample["ApprovalDate"], sample["ChgOffDate"], cutoff="2014-01-01")
    table = read_table(sample[["GrAppv", "NoEmp", "NewExist", "State"]])
    return infer_schema(table).conform(table).table, labels.duration, labels.event


def test_one_curve_for_everybody_is_the_product_limit_estimate() -> None:
    table, duration, event = case()
    targets = hazard_targets(duration, event, PERIOD, PERIODS)
    curve = KaplanMeier().fit(table, infer_schema(table), targets, PERIODS).score_periods(table)
    wanted = 1 - kaplan_meier(duration, event, PERIOD * np.arange(1, PERIODS + 1))
    assert curve.shape == (1500, PERIODS) and (curve == curve[0]).all()
    assert_allclose(curve[0], wanted, rtol=0.02, atol=1e-3)


def test_coefficients_are_those_of_a_logistic_regression_on_rows_of_the_periods() -> None:
    table, duration, event = case()
    schema = infer_schema(table)
    whole = np.where(event, duration, np.floor(duration / PERIOD) * PERIOD)  # scikit-learn has no part rows
    targets = hazard_targets(whole, event, PERIOD, PERIODS)
    model = LogisticHazard().fit(table, schema, targets, PERIODS)
    x = model.design_.matrix(read_inputs(table, schema), 1500).astype(float)
    rows, labels = [], []
    for i, (seen, bad) in enumerate(targets):
        for t in range(int(seen)):
            rows.append(np.r_[50.0 * np.eye(PERIODS)[t], x[i]])  # so large that no penalty touches them
            labels.append(float(bad and t == seen - 1))
    other = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-10, max_iter=5000)
    other.fit(np.array(rows), np.array(labels))
    assert_allclose(model.coefficients_, other.coef_[0][PERIODS:], atol=2e-3)
    levels = 1 / (1 + np.exp(-np.stack([model.intercepts_, 50 * other.coef_[0][:PERIODS]])))
    assert_allclose(levels[0], levels[1], rtol=0.01, atol=5e-5)  # the first year has no event at all


@pytest.mark.parametrize("key", sorted(HAZARDS))
def test_a_model_read_from_its_document_answers_the_same(key: str) -> None:
    table, duration, event = case(400)
    targets = hazard_targets(duration, event, PERIOD, PERIODS)
    model = HAZARDS[key]().fit(table, infer_schema(table), targets, PERIODS)
    scores = model.score_periods(table)
    assert (np.diff(scores, axis=1) >= 0).all() and scores.min() >= 0 and scores.max() <= 1
    again = HAZARDS[key].from_document(json.loads(json.dumps(model.to_document())))
    np.testing.assert_array_equal(again.score_periods(table), scores)


@pytest.mark.parametrize("key", sorted(HAZARDS))
def test_an_unfitted_model_says_so(key: str) -> None:
    with pytest.raises(InputError, match="not fitted"):
        HAZARDS[key]().score_periods(case(30)[0])


def test_a_column_that_drives_the_hazard_orders_the_rows() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    truth = rng.exponential(60 * np.exp(-0.7 * x))
    table = pa.table({"x": x})
    targets = hazard_targets(np.minimum(truth, 72), truth <= 72, PERIOD, PERIODS)
    model = LogisticHazard().fit(table, infer_schema(table), targets, PERIODS)
    mean = 1 - np.exp(-36 / (60 * np.exp(-0.7 * x)))
    assert np.corrcoef(model.score_periods(table)[:, 2], mean)[0, 1] > 0.99
    assert abs(model.score_periods(table)[:, 2].mean() - mean.mean()) < 0.02
