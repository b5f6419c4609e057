from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm, t

from bezant.risk import (
    expected_shortfall,
    normal_risk,
    quantile_risk,
    student_risk,
    tail_weights,
    value_at_risk,
)
from bezant.types import InputError
from market_files import sp500

GAINS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)
LEVELS = st.floats(0.5, 0.999)


def test_normal_golden_values() -> None:
    assert normal_risk(1.0, 0.99)[0] == pytest.approx(2.3263, abs=5e-5)
    assert normal_risk(1.0, 0.975)[1] == pytest.approx(2.3378, abs=5e-5)
    assert normal_risk([2.0], 0.99, mean=0.5)[0] == pytest.approx([2 * 2.32635 - 0.5], abs=1e-4)


def test_students_risk_equals_an_integral_and_nears_the_normal() -> None:
    var, es = student_risk(1.0, 0.975, degrees=4)
    scale = np.sqrt(2 / 4)
    slow = quad(lambda x: x * t.pdf(x, 4, scale=scale), float(var), np.inf)[0] / 0.025
    assert (var, es) == (pytest.approx(t.ppf(0.975, 4) * scale), pytest.approx(slow))
    assert np.allclose(student_risk(1.0, 0.99, degrees=1e7), normal_risk(1.0, 0.99), atol=1e-5)


def test_golden_values_of_ten_scenarios() -> None:
    gains = [-10.0, -8, -5, -1, 0, 1, 2, 3, 4, 5]
    assert value_at_risk(gains, 0.9) == 10 and expected_shortfall(gains, 0.9) == 10
    assert value_at_risk(gains, 0.8) == 8 and expected_shortfall(gains, 0.8) == 9
    assert value_at_risk(gains, 0.75) == 5 and expected_shortfall(gains, 0.75) == pytest.approx(20.5 / 2.5)
    assert tail_weights(gains, 0.75)[:4] == pytest.approx([0.4, 0.4, 0.2, 0])


def test_risk_of_the_sp500_equals_a_sort_by_hand() -> None:
    y = np.sort(sp500().to_numpy())
    k = len(y) // 100
    assert value_at_risk(y, 1 - k / len(y)) == -y[k - 1]
    assert expected_shortfall(y, 1 - k / len(y)) == pytest.approx(-y[:k].mean())


@given(GAINS, LEVELS)
def test_es_is_beyond_var_and_within_the_worst_loss(gains: list[float], level: float) -> None:
    var, es = value_at_risk(gains, level), expected_shortfall(gains, level)
    slack = 1e-9 * (1 + max(map(abs, gains)))
    assert var - slack <= es <= -min(gains) + slack


@given(GAINS, LEVELS, LEVELS)
def test_var_and_es_rise_with_the_level(gains: list[float], a: float, b: float) -> None:
    low, high = sorted((a, b))
    slack = 1e-9 * (1 + max(map(abs, gains)))
    assert value_at_risk(gains, low) <= value_at_risk(gains, high)
    assert expected_shortfall(gains, low) <= expected_shortfall(gains, high) + slack


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=1, max_size=40), LEVELS)
def test_es_of_a_sum_is_at_most_the_sum_of_es(pairs: list[tuple[float, float]], level: float) -> None:
    a, b = np.array(pairs).T
    alone = expected_shortfall(a, level) + expected_shortfall(b, level)
    assert expected_shortfall(a + b, level) <= alone + 1e-6


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.integers(1, 5)), min_size=1, max_size=20), LEVELS)
def test_a_weight_of_three_is_three_scenarios(pairs: list[tuple[float, int]], level: float) -> None:
    gains, weights = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    repeated = np.repeat(gains, weights)
    assert expected_shortfall(gains, level, weights) == pytest.approx(
        expected_shortfall(repeated, level), rel=1e-6, abs=1e-6
    )
    assert value_at_risk(gains, level, weights) == value_at_risk(repeated, level)


def test_weights_of_the_tail_are_probabilities() -> None:
    found = tail_weights(sp500().to_numpy(), 0.975)
    assert found.min() == 0 and found.sum() == pytest.approx(1)


STEPS = np.array([0.005, 0.01, 0.025, 0.05, 0.1, 0.5])


@pytest.mark.parametrize("level", [0.999, 0.995, 0.99, 0.98, 0.95, 0.93])
def test_risk_of_quantiles_of_a_pareto_tail_is_exact_below_and_close_above(level: float) -> None:
    """Losses with tail P(L > x) = x^-4: the quantile is u^-1/4, the ES 4/3 of it."""
    tail = 1 - level
    var, es = quantile_risk(-(STEPS**-0.25), STEPS, level, shape=0.25)
    close = 1e-9 if tail <= 0.01 + 1e-12 else 0.03
    assert var == pytest.approx(tail**-0.25, rel=close)
    assert es == pytest.approx(4 / 3 * tail**-0.25, rel=close)


def test_an_exponential_tail_is_the_shape_of_nought() -> None:
    var, es = quantile_risk(np.log(STEPS)[None], STEPS, 0.99, shape=0.0)
    assert var == pytest.approx([-np.log(0.01)]) and es == pytest.approx([1 - np.log(0.01)])
    near = quantile_risk(np.log(STEPS), STEPS, 0.95, shape=1e-7)
    assert near == pytest.approx(quantile_risk(np.log(STEPS), STEPS, 0.95, shape=0.0), rel=1e-5)


@given(st.lists(st.floats(0, 10), min_size=6, max_size=6), LEVELS, LEVELS, st.floats(0, 0.9))
def test_risk_of_quantiles_is_monotone_and_es_beyond_var(
    gaps: list[float], a: float, b: float, shape: float
) -> None:
    quantiles = np.cumsum(gaps) - 20
    low, high = (quantile_risk(quantiles, STEPS, level, shape=shape) for level in sorted((a, b)))
    for at in (low, high):
        assert at[1] >= at[0] - 1e-6 * abs(at[0])
    for measure in (0, 1):
        assert high[measure] >= low[measure] - 1e-6 * abs(low[measure])


def test_normal_quantiles_give_nearly_the_normal_risk() -> None:
    var, es = quantile_risk(norm.ppf(STEPS), STEPS, 0.975, shape=0.0)
    assert (var, es) == (pytest.approx(1.96, abs=1e-3), pytest.approx(2.338, rel=0.02))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: value_at_risk([], 0.99), "shape"),
        (lambda: value_at_risk([1.0, np.nan], 0.99), "1 are missing"),
        (lambda: value_at_risk([1.0], 0.01), r"write 0\.99"),
        (lambda: value_at_risk([1.0, 2.0], 0.99, [1.0]), "weights of 2 scenarios"),
        (lambda: value_at_risk([1.0, 2.0], 0.99, [-1.0, 2]), "weights of 2 scenarios"),
        (lambda: student_risk(1.0, 0.99, degrees=2), "above|more than 2"),
        (lambda: quantile_risk([-3.0, -2], [0.01, 0.005], 0.99), "rising levels"),
        (lambda: quantile_risk([-3.0, -2], [0.005, 0.01], 0.95), "levels end at 0.01"),
        (lambda: quantile_risk([[-2.0, -3], [-3, -2]], [0.01, 0.05], 0.99), "cross or are missing in 1"),
        (lambda: quantile_risk([-3.0, -2], [0.01, 0.05], 0.99, shape=1), "from 0 to below 1"),
    ],
)
def test_distributions_without_risk_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
