from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import log_loss, roc_auc_score

from bezant.metrics.target_statistics import (
    area_standard_error,
    area_under_curve,
    code_statistic,
    exact_value_gain,
    out_of_fold_means,
    quantile_bins,
    stratified_folds,
)


def _slow_means(codes, y, folds, smoothing):
    out = np.empty(len(codes))
    for i in range(len(codes)):
        other = folds != folds[i]
        prior = y[other].mean() if other.any() else 0.0
        same = other & (codes == codes[i])
        weight = same.sum() + smoothing
        out[i] = (y[same].sum() + smoothing * prior) / weight if weight else prior
    return out


@settings(max_examples=50, deadline=None)
@given(
    codes=hnp.arrays(np.int64, st.integers(2, 40), elements=st.integers(-1, 6)),
    seed=st.integers(0, 1000),
    smoothing=st.sampled_from([0.0, 1.0, 10.0]),
)
def test_out_of_fold_means_are_those_of_a_loop_over_rows(codes, seed, smoothing):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, len(codes)).astype(float)
    folds = np.arange(len(codes)) % 3
    np.testing.assert_allclose(
        out_of_fold_means(codes, y, folds, smoothing), _slow_means(codes, y, folds, smoothing), atol=1e-12
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_rows_own_target_never_enters_its_statistic(seed):
    rng = np.random.default_rng(seed)
    codes, folds = rng.integers(0, 5, 60), rng.integers(0, 4, 60)
    y = rng.integers(0, 2, 60).astype(float)
    changed = np.where(folds == 2, 1 - y, y)
    one, other = out_of_fold_means(codes, y, folds), out_of_fold_means(codes, changed, folds)
    np.testing.assert_array_equal(one[folds == 2], other[folds == 2])
    assert np.any(one[folds != 2] != other[folds != 2])


@settings(max_examples=30, deadline=None)
@given(y=hnp.arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 1)), folds=st.integers(2, 7))
def test_folds_share_out_each_class_and_all_rows_evenly(y, folds):
    assigned = stratified_folds(y, folds)
    for rows in (y >= 0, y == 0, y == 1):
        sizes = np.bincount(assigned[rows], minlength=folds)
        assert sizes.max() - sizes.min() <= 1


def test_statistics_over_cells_are_those_of_scikit_learn_over_rows():
    rng = np.random.default_rng(0)
    codes = rng.integers(-1, 30, 3000)
    y = (rng.random(3000) < 0.1 + codes / 60).astype(float)
    folds = stratified_folds(y)
    auc, loss = code_statistic(codes, y, folds)
    means = out_of_fold_means(codes, y, folds)
    assert auc == pytest.approx(roc_auc_score(y, means), abs=1e-12)
    assert loss == pytest.approx(log_loss(y, means), abs=1e-12)


def test_the_area_is_a_half_where_a_class_is_empty():
    assert area_under_curve(np.array([0.1, 0.2]), np.zeros(2), np.ones(2)) == 0.5


def test_the_standard_error_is_that_of_repeated_samples_of_exponential_scores():
    rng = np.random.default_rng(0)  # for exponential scores the formula is exact; area = 5 / (5 + 1)
    events, others = rng.exponential(5, (4000, 50, 1)), rng.exponential(1, (4000, 1, 60))
    spread = (events > others).mean(axis=(1, 2)).std()
    assert area_standard_error(5 / 6, 50, 60) == pytest.approx(spread, rel=0.05)
    assert area_standard_error(0.9, 0, 5) == float("inf")


def test_bins_hold_about_the_same_number_of_rows_and_never_decrease():
    bins = quantile_bins(np.arange(3200.0), np.ones(3200, int))
    assert np.bincount(bins).tolist() == [100] * 32
    heaped = quantile_bins(np.arange(10.0), np.array([1, 1, 1, 500, 1, 1, 1, 1, 1, 1]))
    assert np.all(np.diff(heaped) >= 0)


def test_exact_values_gain_where_digits_tell_and_not_where_size_does():
    rng = np.random.default_rng(0)
    y = (rng.random(8000) < 0.3).astype(float)
    rewritten = rng.integers(1, 30, 8000) * 12 - np.where(y == 1, rng.integers(1, 12, 8000), 0)
    leak = exact_value_gain(rewritten.astype(float), y)
    assert leak.auc_exact > 0.95 > leak.auc_bins + 0.2
    assert leak.log_loss_exact < 0.7 * leak.log_loss_bins
    score = np.round((rng.normal(600, 50, 8000) - 60 * y) / 20) * 20
    score[::50] = np.nan
    smooth = exact_value_gain(score, y)
    assert abs(smooth.auc_exact - smooth.auc_bins) < 0.02
    assert exact_value_gain(score, y) == smooth


@pytest.mark.parametrize(
    ("codes", "folds"), [([0, 1], [0]), ([0, -2], [0, 1]), ([0, 1], [0, 0])], ids=["length", "code", "folds"]
)
def test_arrays_that_do_not_fit_are_refused(codes, folds):
    with pytest.raises(ValueError, match=r"rows|codes|folds"):
        out_of_fold_means(np.array(codes), np.zeros(2), np.array(folds))
