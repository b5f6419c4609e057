from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import mean_poisson_deviance, roc_auc_score

from bezant.metrics import COUNTS, counts
from bezant.types import InputError


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    expected = rng.gamma(0.5, 2.0, 500) + 0.01
    return rng.poisson(expected).astype(float), expected


def test_figures_equal_those_of_another_library():
    y, m = rows()
    assert counts.poisson_deviance(y, m) == pytest.approx(mean_poisson_deviance(y, m))
    assert counts.activity_auc(y, m) == pytest.approx(roc_auc_score(y > 0, m))
    assert counts.total_error(y, m) == pytest.approx((m.sum() - y.sum()) / y.sum())


def test_a_certain_zero_that_was_wrong_costs_everything_and_one_that_was_right_nothing():
    assert counts.poisson_deviance([0, 1], [0, 0]) == math.inf
    assert counts.poisson_deviance([0, 2], [0, 2]) == 0
    with pytest.raises(InputError, match="prediction is negative in 1 of 2"):
        counts.poisson_deviance([0, 1], [0.5, -1])


def test_tenths_hold_the_sorted_customers_as_a_loop_finds_them():
    y, m = rows()
    found = counts.decile_calibration(y, m)
    order = np.argsort(m)
    for k, part in enumerate(np.split(order, 10)):
        assert found.rows[k] == len(part)
        assert found.predicted[k] == pytest.approx(m[part].mean())
        assert found.observed[k] == pytest.approx(y[part].mean())
    assert found.error == pytest.approx(np.abs(found.predicted - found.observed).mean() / y.mean())


def test_equal_predictions_stay_in_one_part():
    found = counts.decile_calibration([0, 1, 0, 1, 5], [1, 1, 1, 1, 2], parts=5)
    assert found.rows.tolist() == [4, 1]
    assert found.observed.tolist() == [0.5, 5.0]


def test_nothing_observed_has_no_relative_error():
    assert math.isnan(counts.total_error([0, 0], [1, 0]))
    assert math.isnan(counts.calibration_error([0, 0], [1, 0]))


def test_every_figure_of_the_truth_itself_is_the_best_one():
    y, _ = rows()
    best = {
        "rmse": 0.0,
        "total_error": 0.0,
        "poisson_deviance": 0.0,
        "calibration_error": 0.0,
        "activity_auc": 1.0,
    }
    assert {name: metric.function(y, y) for name, metric in COUNTS.items()} == pytest.approx(best)
