import math

import numpy as np
import pytest
from sklearn.metrics import roc_curve as sk_roc_curve

from bezant.metrics import curves
from bezant.metrics.classification import ks, roc_auc
from bezant.types import InputError
from independent import slow_wilson


def rows(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    p = rng.beta(1, 5, n)
    return (rng.random(n) < p).astype(int), p


def test_a_short_roc_curve_is_that_of_scikit_learn() -> None:
    y, p = rows(150)
    curve = curves.roc_curve(y, p)
    false, true, thresholds = sk_roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, false)
    np.testing.assert_allclose(curve.true_positive_rate, true)
    np.testing.assert_allclose(curve.threshold, thresholds)


def test_a_long_roc_curve_is_thinned_and_keeps_its_area_and_ends() -> None:
    y, p = rows(50_000)
    curve = curves.roc_curve(y, p)
    assert 150 < len(curve.threshold) <= 201
    assert (curve.false_positive_rate[0], curve.true_positive_rate[0]) == (0, 0)
    assert (curve.false_positive_rate[-1], curve.true_positive_rate[-1]) == (1, 1)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(roc_auc(y, p), abs=1 / 200)
    assert (np.diff(curve.false_positive_rate) >= 0).all()


def test_the_ks_curve_shows_the_widest_gap_where_it_is() -> None:
    y, p = rows(20_000)
    curve = curves.ks_curve(y, p)
    assert len(curve.threshold) <= 200
    assert curve.ks == pytest.approx(ks(y, p))
    below = p <= curve.at
    assert abs(below[y == 1].mean() - below[y == 0].mean()) == pytest.approx(curve.ks)
    at = int(np.flatnonzero(curve.threshold == curve.at)[0])
    assert abs(curve.events[at] - curve.non_events[at]) == pytest.approx(curve.ks)
    assert curve.events[-1] == curve.non_events[-1] == 1


def test_one_class_gives_empty_curves() -> None:
    assert len(curves.roc_curve([1, 1], [0.1, 0.2]).threshold) == 0
    empty = curves.ks_curve([0, 0], [0.1, 0.2])
    assert len(empty.threshold) == 0
    assert math.isnan(empty.ks)


@pytest.mark.parametrize(("events", "of"), [(0, 10), (1, 10), (7, 20), (10, 10), (500, 10_000)])
def test_wilson_interval_solves_its_equation(events: int, of: int) -> None:
    low, high = curves.wilson_interval(events, of)
    assert (float(low), float(high)) == pytest.approx(slow_wilson(events, of), abs=1e-9)


def test_wilson_interval_has_its_published_value() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263
    low, high = curves.wilson_interval(81, 263)
    assert (round(float(low), 4), round(float(high), 4)) == (0.2553, 0.3662)


def test_reliability_bins_agree_with_a_loop_over_sorted_rows() -> None:
    y, p = rows(1000)
    curve = curves.reliability_curve(y, p, bins=10)
    order = np.argsort(p)
    for k in range(10):
        part = order[100 * k : 100 * (k + 1)]
        assert curve.predicted[k] == pytest.approx(p[part].mean())
        assert curve.observed[k] == pytest.approx(y[part].mean())
        assert curve.rows[k] == 100
        assert curve.low[k] <= curve.observed[k] <= curve.high[k]


def test_tied_scores_share_a_bin() -> None:
    curve = curves.reliability_curve([0, 1, 0, 1], [0.2, 0.2, 0.2, 0.7], bins=4)
    assert curve.rows.tolist() == [3, 1]


def test_histogram_counts_every_row_once() -> None:
    y, p = rows(3000)
    drawn = curves.score_histogram(y, p)
    assert len(drawn.edges) == 51
    assert drawn.events.sum() == y.sum()
    assert drawn.non_events.sum() == (1 - y).sum()
    k = 3
    inside = (p >= drawn.edges[k]) & (p < drawn.edges[k + 1])
    assert drawn.events[k] == y[inside].sum()


def test_histogram_of_zeros_does_not_fail() -> None:
    assert curves.score_histogram([0, 1], [0.0, 0.0]).events.sum() == 1


def test_parts_of_different_length_are_refused() -> None:
    with pytest.raises(InputError, match="as many of each"):
        curves.RocCurve(np.zeros(2), np.zeros(3), np.zeros(3))
