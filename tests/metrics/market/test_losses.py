import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from bezant.metrics.market import fz0, pinball, qlike
from bezant.metrics.regression import pinball as mean_pinball
from bezant.types import InputError
from market_files import ewma_variance, sp500

POSITIVE = st.floats(1e-6, 1e3)


def slow_fz0(y: float, v: float, e: float, tail: float) -> float:
    """Patton, Ziegel and Chen (2019), equation 6, with v and e as they write them: negative."""
    hit = 1.0 if y <= v else 0.0
    return -1 / (tail * e) * hit * (v - y) + v / e + math.log(-e) - 1


def test_qlike_golden_values_worked_by_hand() -> None:
    found = qlike([1.0, 2.0, 1.0], [1.0, 1.0, 2.0])
    assert found == pytest.approx([0, 1 - math.log(2), math.log(2) - 0.5])


def test_qlike_of_a_zero_return_needs_the_uncentred_form() -> None:
    with pytest.raises(InputError, match=r"realised variance is 0, which has no logarithm, in 1 of 2 places"):
        qlike([0.0, 1.0], [1.0, 1.0])
    assert qlike([0.0, 1.0], [1.0, math.e], centred=False) == pytest.approx([0, 1 / math.e + 1])


@given(st.lists(st.tuples(POSITIVE, POSITIVE, POSITIVE), min_size=1, max_size=20))
def test_both_forms_of_qlike_differ_between_models_by_the_same(rows: list[tuple[float, ...]]) -> None:
    realised, a, b = np.array(rows).T
    gap = qlike(realised, a) - qlike(realised, b)
    assert gap == pytest.approx(
        qlike(realised, a, centred=False) - qlike(realised, b, centred=False), abs=1e-6
    )
    assert (qlike(realised, a) >= 0).all()


def test_the_mean_of_the_realised_variance_has_the_least_qlike() -> None:
    squares = sp500().to_numpy() ** 2
    squares = squares[squares > 0]
    scales = np.linspace(0.5, 2, 31)
    losses = [qlike(squares, squares.mean() * scale).mean() for scale in scales]
    assert scales[int(np.argmin(losses))] == pytest.approx(1.0)


def test_negative_or_missing_variances_are_refused_with_their_number() -> None:
    with pytest.raises(InputError, match="forecast variance is not above 0 in 2 of 3"):
        qlike([1.0, 1.0, 1.0], [1.0, 0.0, -1.0])
    with pytest.raises(InputError, match="realised variance is below 0 in 1 of 1"):
        qlike(-1.0, 1.0)
    with pytest.raises(InputError, match="realised is missing or infinite in 1 of 2"):
        qlike([np.nan, 1.0], [1.0, 1.0])
    with pytest.raises(InputError, match=r"realised \(3,\), forecast \(2,\)"):
        qlike([1.0, 2, 3], [1.0, 2])


def test_pinball_golden_values_worked_by_hand() -> None:
    found = pinball([1.0, -2.0], [[0.0, 2.0], [0.0, 2.0]], [0.1, 0.9])
    assert found == pytest.approx(np.array([[0.1, 0.1], [1.8, 0.4]]))


def test_the_mean_of_pinball_is_the_figure_of_regression() -> None:
    y = sp500().to_numpy()
    assert pinball(y, np.full(len(y), -0.02), 0.05).mean() == pytest.approx(
        mean_pinball(y, np.full(len(y), -0.02), 0.05)
    )


def test_the_sample_quantile_has_the_least_pinball() -> None:
    y = sp500().to_numpy()[:999]
    guesses = np.sort(y)
    losses = pinball(y, np.tile(guesses, (len(y), 1)), np.full(len(guesses), 0.05)).mean(axis=0)
    assert guesses[int(np.argmin(losses))] == pytest.approx(np.quantile(y, 0.05, method="inverted_cdf"))


def test_levels_in_per_cent_are_refused() -> None:
    with pytest.raises(InputError, match="level is not between 0 and 1 in 1 of 2 places, such as 5"):
        pinball([0.0], [[0.0, 0.0]], [0.5, 5])


@given(st.floats(-10, 10), st.floats(0.01, 5), st.floats(0, 5), st.sampled_from([0.95, 0.975, 0.99]))
def test_fz0_equals_the_published_formula(y: float, var: float, more: float, level: float) -> None:
    found = fz0(y, var, var + more, level)
    assert float(found) == pytest.approx(slow_fz0(y, -var, -(var + more), 1 - level), rel=1e-9, abs=1e-9)


def test_fz0_golden_value_of_the_normal_distribution() -> None:
    """In expectation the loss of the true pair is log(ES): the other terms cancel."""
    z = norm.ppf(0.975)
    es = norm.pdf(z) / 0.025
    y = norm.ppf((np.arange(1_000_000) + 0.5) / 1_000_000)
    assert fz0(y, z, es, 0.975).mean() == pytest.approx(math.log(es), abs=1e-4)


def test_fz0_is_least_at_the_true_pair() -> None:
    z = norm.ppf(0.95)
    es = norm.pdf(z) / 0.05
    y = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    best = fz0(y, z, es, 0.95).mean()
    for other in ((0.9 * z, es), (1.1 * z, es), (z, 0.9 * es), (z, 1.1 * es)):
        assert fz0(y, *other, 0.95).mean() > best + 1e-4


def test_differences_of_fz0_do_not_depend_on_the_unit() -> None:
    y = sp500().to_numpy()
    sd = np.sqrt(ewma_variance(y))
    gap = fz0(y, 1.6 * sd, 2.1 * sd, 0.95) - fz0(y, 1.8 * sd, 2.5 * sd, 0.95)
    in_per_cent = fz0(100 * y, 160 * sd, 210 * sd, 0.95) - fz0(100 * y, 180 * sd, 250 * sd, 0.95)
    assert gap == pytest.approx(in_per_cent)


def test_signs_and_levels_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(InputError, match=r"write 0\.99 for 99 %"):
        fz0(0.0, 2.0, 3.0, 0.01)
    with pytest.raises(InputError, match="ES is not above 0 in 1 of 1 places, such as -3"):
        fz0(0.0, -2.0, -3.0, 0.99)
    with pytest.raises(InputError, match="ES is below its VaR"):
        fz0(0.0, 3.0, 2.0, 0.99)
