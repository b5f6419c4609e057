from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, norm

from bezant.evidence.var_backtests import (
    RiskTest,
    christoffersen,
    conditional_coverage,
    dynamic_quantile,
    kupiec,
)
from bezant.evidence.var_backtests.exceptions import exceptions_of
from bezant.types import InputError
from market_files import ewma_variance, sp500


def days(found: int, of: int = 250) -> np.ndarray:
    """As many exceptions as wanted, spread evenly."""
    hits = np.zeros(of, bool)
    hits[np.linspace(3, of - 3, found).astype(int)] = True
    return hits


def real_hits(level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Exceptions of a constant VaR of the S&P 500, which cluster, and the VaR of an adaptive one."""
    y = sp500().to_numpy()
    constant = np.full(len(y), -np.quantile(y, 1 - level))
    return exceptions_of(y, constant), norm.ppf(level) * np.sqrt(ewma_variance(y))


@pytest.mark.parametrize(("found", "statistic"), [(0, 5.025), (6, 3.555), (7, 5.497), (9, 10.229)])
def test_kupiec_golden_values_of_250_days_at_one_per_cent(found: int, statistic: float) -> None:
    test = kupiec(days(found), 0.99)
    assert test.statistic == pytest.approx(statistic, abs=5e-4)
    assert test.p_value == pytest.approx(chi2.sf(test.statistic, 1))


def test_kupiec_is_zero_where_exceptions_are_exactly_as_many_as_promised() -> None:
    assert kupiec(days(25), 0.9).statistic == pytest.approx(0, abs=1e-9)
    assert kupiec(np.ones(4, bool), 0.5).statistic == pytest.approx(-2 * 4 * np.log(0.5))


def test_independence_equals_a_loop_over_the_transitions() -> None:
    hits, _ = real_hits()
    count = {(a, b): 0 for a in (0, 1) for b in (0, 1)}
    for a, b in pairwise(hits):
        count[int(a), int(b)] += 1
    pooled = (count[0, 1] + count[1, 1]) / (len(hits) - 1)
    slow = 0.0
    for state in (0, 1):
        rate = count[state, 1] / (count[state, 0] + count[state, 1])
        slow += count[state, 0] * (np.log(1 - rate) - np.log(1 - pooled))
        slow += count[state, 1] * (np.log(rate) - np.log(pooled))
    assert christoffersen(hits).statistic == pytest.approx(2 * slow)
    both = conditional_coverage(hits, 0.95)
    assert both.statistic == pytest.approx(2 * slow + kupiec(hits, 0.95).statistic)
    assert both.degrees == 2


def test_independence_of_no_exception_and_of_nothing_else() -> None:
    assert christoffersen(days(0)).statistic == 0
    assert christoffersen(np.ones(10, bool)).statistic == 0


def test_dynamic_quantile_equals_the_published_formula() -> None:
    hits, var = real_hits()
    excess = hits - 0.05
    rows = [[1.0, *(excess[t - k] for k in range(1, 5)), var[t]] for t in range(4, len(hits))]
    x, h = np.array(rows), excess[4:]
    slow = h @ x @ np.linalg.inv(x.T @ x) @ x.T @ h / (0.05 * 0.95)
    found = dynamic_quantile(hits, var, 0.95)
    assert (found.statistic, found.degrees) == (pytest.approx(slow), 6)
    assert dynamic_quantile(hits, 1e6 * var, 0.95).statistic == pytest.approx(slow)


def test_columns_that_say_nothing_cost_no_degrees_of_freedom() -> None:
    assert dynamic_quantile(days(3), np.full(250, 2.0), 0.99).degrees == 5
    assert dynamic_quantile(days(0), np.full(250, 2.0), 0.99).degrees == 1


def test_exceptions_of_a_constant_var_cluster_and_both_tests_see_it() -> None:
    hits, var = real_hits()
    assert not kupiec(hits, 0.95).rejects()
    assert christoffersen(hits).rejects(0.001) and dynamic_quantile(hits, var, 0.95).rejects(0.001)


def test_tests_keep_their_size_when_the_model_is_right() -> None:
    rng = np.random.default_rng(0)
    hits = rng.random((600, 1000)) < 0.05
    var = np.exp(rng.normal(size=1000))
    for test in (
        lambda h: kupiec(h, 0.95),
        christoffersen,
        lambda h: conditional_coverage(h, 0.95),
        lambda h: dynamic_quantile(h, var, 0.95),
    ):
        rejected = np.mean([test(h).rejects() for h in hits])
        assert 0.02 < rejected < 0.09


def test_a_loss_equal_to_the_var_is_no_exception() -> None:
    assert exceptions_of([-1.0, -1.1, 2.0], [1.0, 1.0, 1.0]).tolist() == [False, True, False]


def test_sentences_say_what_was_asked_and_found() -> None:
    assert kupiec(days(9), 0.99).sentence == (
        "Kupiec: exceptions are as many as promised; this is rejected (statistic 10.229, p-value 0.001)."
    )
    assert "nothing speaks against it" in kupiec(days(2), 0.99).sentence


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kupiec(days(3), 0.01), "write 0.99 for 99 %"),
        (lambda: kupiec([0.0, 2.0], 0.99), "neither true nor false in 1 of 2"),
        (lambda: exceptions_of([0.0], [1.0, 2.0]), "1 returns and 2 VaRs"),
        (lambda: christoffersen([True]), "two days at least, not 1"),
        (lambda: dynamic_quantile(days(1, 16), np.ones(16), 0.99), "more than 16 days, not 16"),
        (lambda: dynamic_quantile(days(1), np.ones(16), 0.99), "250 days and 16 VaRs"),
        (lambda: RiskTest("x", "y", 0.0, 1.5, 1), "not at 1.5"),
    ],
)
def test_input_that_cannot_be_judged_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
