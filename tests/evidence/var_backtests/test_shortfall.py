from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, t

from bezant.evidence.var_backtests import acerbi_szekely
from bezant.evidence.var_backtests.shortfall import _z2
from bezant.types import InputError

Z = float(norm.ppf(0.975))
ES = float(norm.pdf(Z) / 0.025)


def student(df: float) -> tuple[float, float]:
    """VaR and ES of 97.5 % of Student's t."""
    q = t.ppf(0.975, df)
    return q, t.pdf(q, df) / 0.025 * (df + q * q) / (df - 1)


def test_the_statistic_equals_a_loop_over_the_exceptions() -> None:
    y = np.array([-3.0, 1.0, -2.5, -1.0] + [0.0] * 96)
    found = acerbi_szekely(y, np.full(100, Z), np.full(100, ES), 0.975, simulations=100)
    assert found.statistic == pytest.approx(1 - (3.0 + 2.5) / (100 * 0.025 * ES))


@pytest.mark.parametrize(("df", "threshold"), [(1e9, -0.70), (10, -0.70), (3, -0.82)])
def test_five_per_cent_thresholds_are_those_of_the_paper(df: float, threshold: float) -> None:
    """Acerbi and Szekely (2014): -0.7 but for very heavy tails, of Z2 for 250 days at 97.5 %."""
    var, es = student(df) if df < 1e6 else (Z, ES)
    paths = (
        t.rvs(df, size=(20_000, 250), random_state=1)
        if df < 1e6
        else norm.rvs(size=(20_000, 250), random_state=1)
    )
    drawn = _z2(paths, np.full(250, var), np.full(250, es), 0.025)
    assert np.quantile(drawn, 0.05) == pytest.approx(threshold, abs=0.025)
    assert drawn.mean() == pytest.approx(0, abs=0.02)


def test_a_right_model_passes_and_an_understated_one_fails() -> None:
    y = norm.ppf((np.arange(1000) + 0.5) / 1000)
    right = acerbi_szekely(y, np.full(1000, Z), np.full(1000, ES), 0.975)
    low = acerbi_szekely(y, np.full(1000, 0.7 * Z), np.full(1000, 0.7 * ES), 0.975)
    assert right.p_value > 0.3 and abs(right.statistic) < 0.1
    assert low.p_value < 0.01 and low.statistic < -1


def test_too_cautious_forecasts_are_not_rejected() -> None:
    y = np.random.default_rng(0).normal(size=500)
    assert acerbi_szekely(y, np.full(500, 3.0), np.full(500, 4.0), 0.975).p_value > 0.9


def test_drawing_from_the_forecast_gives_the_same_p_value_as_its_tail() -> None:
    """Of Student's t with 4 degrees of freedom the tail is nearly Pareto with the shape 1/4."""
    var, es = student(4)
    y = t.rvs(4, size=250, random_state=11)
    y[:4] -= 3
    drawn = t.rvs(4, size=(20_000, 250), random_state=2)
    args = (y, np.full(250, var), np.full(250, es), 0.975)
    from_draws = acerbi_szekely(*args, scenarios=drawn)
    from_tail = acerbi_szekely(*args, shape=0.25)
    assert 0.005 < from_draws.p_value < 0.5
    assert from_tail.p_value == pytest.approx(from_draws.p_value, abs=0.015)
    assert from_tail.statistic == from_draws.statistic


def test_heavier_tails_make_large_losses_less_of_a_surprise() -> None:
    y = np.zeros(250)
    y[:6] = -6.0
    args = (y, np.full(250, Z), np.full(250, ES), 0.975)
    p_values = [acerbi_szekely(*args, shape=shape).p_value for shape in (0.0, 0.3, 0.6)]
    assert p_values == sorted(p_values) and p_values[0] < p_values[-1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: acerbi_szekely([0.0], [1.0, 2], [2.0], 0.975), "have 1, 2, 1 days"),
        (lambda: acerbi_szekely([0.0], [2.0], [1.0], 0.975), "below its VaR on 1 of 1 days"),
        (lambda: acerbi_szekely([0.0], [1.0], [2.0], 0.975, shape=1.0), "number from 0 to below 1"),
        (lambda: acerbi_szekely([0.0], [1.0], [2.0], 0.975, scenarios=[[1.0, 2.0]]), r"\(simulations, 1\)"),
    ],
)
def test_forecasts_that_cannot_be_judged_are_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
