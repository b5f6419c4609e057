import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.evidence import intervals as i
from bezant.metrics.classification import calibration_slope
from bezant.types import InputError
from independent import slow_auc, slow_delong_covariance, slow_recalibration, slow_wilson


def rows(n: int = 120, seed: int = 0, digits: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(1 - z))).astype(int)
    first, second = (1 / (1 + np.exp(1 - z - s * rng.normal(size=n))) for s in (0.4, 1.0))
    return y, np.round(first, digits), np.round(second, digits)


@pytest.mark.parametrize("digits", [1, 6])
def test_delong_equals_its_kernel_over_all_pairs(digits: int) -> None:
    y, first, second = rows(digits=digits)
    covariance = slow_delong_covariance(y.tolist(), [first.tolist(), second.tolist()])
    estimate = i.auc_estimate(y, first)
    z = 1.959963984540054
    assert estimate.value == pytest.approx(slow_auc(y.tolist(), first.tolist()))
    assert estimate.high - estimate.value == pytest.approx(z * math.sqrt(covariance[0][0]))
    test = i.auc_difference(y, first, second)
    error = math.sqrt(covariance[0][0] + covariance[1][1] - 2 * covariance[0][1])
    assert test.difference.value - test.difference.low == pytest.approx(z * error)
    assert test.p_value == pytest.approx(math.erfc(abs(test.difference.value) / error / math.sqrt(2)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=6, max_size=30))
def test_delong_variance_holds_for_any_ties(pairs) -> None:  # type: ignore[no-untyped-def]
    y, p = [a for a, _ in pairs], [float(b) for _, b in pairs]
    variance = i.placements(y, p).variance()
    if 2 <= sum(y) <= len(y) - 2:
        assert variance == pytest.approx(slow_delong_covariance(y, [p])[0][0], abs=1e-12)
    else:
        assert math.isnan(variance)


def test_placements_worked_by_hand() -> None:
    # events 0.4, 0.9 among non-events 0.1, 0.4, 0.6
    placed = i.placements([0, 0, 0, 1, 1], [0.1, 0.4, 0.6, 0.4, 0.9])
    assert placed.events == pytest.approx([1.5 / 3, 1])
    assert placed.non_events == pytest.approx([1, 1.5 / 2, 1 / 2])
    assert placed.auc == pytest.approx(0.75)


def test_a_score_does_not_differ_from_itself() -> None:
    y, first, _ = rows()
    test = i.auc_difference(y, first, first * 2 + 1)
    assert (test.difference.value, test.p_value) == (0, 1)
    same = i.mean_difference(first, first)
    assert (same.difference.value, same.p_value) == (0, 1)


def test_delong_interval_covers_the_true_area_about_as_often_as_it_says() -> None:
    true, covered = 0.5 * math.erfc(-0.5), 0  # events one standard deviation higher
    for seed in range(300):
        rng = np.random.default_rng(seed)
        y = (np.arange(300) < 60).astype(int)
        found = i.auc_estimate(y, rng.normal(size=300) + y)
        covered += found.low <= true <= found.high
    assert 0.91 <= covered / 300 <= 0.98


def test_mean_difference_is_the_paired_t_test_of_scipy() -> None:
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(0)
    a, b = rng.random(5000), rng.random(5000) + 0.01
    ours, theirs = i.mean_difference(a, b), ttest_rel(a, b)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=0.01)
    assert ours.difference.low == pytest.approx(theirs.confidence_interval().low, abs=1e-5)


def test_mean_estimate_agrees_with_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    values = rng.exponential(size=2000)
    means = [values[rng.integers(0, 2000, 2000)].mean() for _ in range(2000)]
    estimate = i.mean_estimate(values)
    assert estimate.value == values.mean()
    assert (estimate.low, estimate.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.006)


def bent(n: int = 800) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose log odds are far from linear in the score's, so that the plain Fisher error is wrong."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=n) ** 3
    y = (rng.random(n) < np.where(np.abs(z) > 2, 0.5 + 0.1 * np.sign(z), 1 / (1 + np.exp(-2 * z)))).astype(
        int
    )
    return y, np.clip(1 / (1 + np.exp(-z)), 0.001, 0.999)


def test_slope_interval_is_the_sandwich_summed_row_by_row() -> None:
    y, p = bent()
    intercept, slope = slow_recalibration(y.tolist(), p.tolist())
    bread, meat = np.zeros((2, 2)), np.zeros((2, 2))
    for outcome, probability in zip(y, p, strict=True):
        x = np.array([1.0, math.log(probability / (1 - probability))])
        q = 1 / (1 + math.exp(-intercept - slope * x[1]))
        bread += q * (1 - q) * np.outer(x, x)
        meat += (outcome - q) ** 2 * np.outer(x, x)
    inverse = np.linalg.inv(bread)
    error = math.sqrt((inverse @ meat @ inverse)[1, 1])
    assert error != pytest.approx(math.sqrt(inverse[1, 1]), rel=0.02)
    estimate = i.slope_estimate(y, p)
    assert (estimate.high - estimate.low) / 2 / 1.959963984540054 == pytest.approx(error, rel=1e-6)


def test_slope_interval_agrees_with_a_bootstrap_of_refits() -> None:
    y, p = bent()
    draws = np.random.default_rng(2).integers(0, len(y), (300, len(y)))
    slopes = [calibration_slope(y[at], p[at]) for at in draws]
    estimate = i.slope_estimate(y, p)
    assert (estimate.high - estimate.low) / 2 / 1.96 == pytest.approx(np.std(slopes), rel=0.15)


def test_rate_has_wilsons_interval() -> None:
    estimate = i.rate_estimate(np.array([1] * 3 + [0] * 17))
    assert (estimate.low, estimate.high) == pytest.approx(slow_wilson(3, 20), abs=1e-9)


def test_a_higher_level_is_wider() -> None:
    y, first, _ = rows()
    narrow, wide = (i.auc_estimate(y, first, level=level) for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_class_and_one_row_have_no_interval() -> None:
    assert math.isnan(i.auc_estimate([1, 1], [0.1, 0.2]).value)
    lone = i.auc_estimate([0, 0, 1], [0.1, 0.3, 0.2])
    assert lone.value == 0.5
    assert math.isnan(lone.low)
    assert math.isnan(i.mean_estimate(np.array([0.3])).low)
    assert math.isnan(i.slope_estimate([1, 1], [0.1, 0.2]).value)
    assert math.isnan(i.auc_difference([1, 1], [0.1, 0.2], [0.2, 0.1]).p_value)


def test_an_interval_that_does_not_hold_its_value_is_refused() -> None:
    with pytest.raises(InputError, match="outside its interval"):
        i.Estimate(0.5, 0.6, 0.7)


def test_a_level_of_95_is_refused() -> None:
    with pytest.raises(InputError, match=r"write 0\.95"):
        i.normal_quantile(95)
