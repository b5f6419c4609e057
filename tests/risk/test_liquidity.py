import numpy as np
import pytest

from bezant.risk import expected_shortfall, historical_scenarios, liquidity_cascade, stressed_es
from bezant.types import InputError
from market_files import twenty_stocks

DAYS = np.array([10, 10, 20, 40, 40, 60, 120] + [10] * 13)


def gains() -> np.ndarray:
    past = np.log1p(twenty_stocks().to_numpy())[-1500:]
    return 1000 * np.expm1(historical_scenarios(past, horizons=(10,)).at(10))


def test_the_cascade_equals_the_rule_written_out() -> None:
    g = gains()
    base = 10.0
    squares = expected_shortfall(g.sum(axis=1), 0.975) ** 2
    for shorter, longer in ((10, 20), (20, 40), (40, 60), (60, 120)):
        step = expected_shortfall(g[:, longer <= DAYS].sum(axis=1), 0.975)
        squares += (step * np.sqrt((longer - shorter) / base)) ** 2
    found = liquidity_cascade(g, DAYS)
    assert found.es == pytest.approx(np.sqrt(squares))
    assert (found.as_table()["es_scaled"] ** 2).sum() == pytest.approx(squares)
    assert found.sentence.startswith(f"ES 97.5 % over liquidity horizons is {found.es:,.0f}, against")


def test_factors_of_ten_days_have_the_plain_es() -> None:
    g = gains()
    assert liquidity_cascade(g, np.full(20, 10)).es == pytest.approx(expected_shortfall(g.sum(axis=1), 0.975))


def test_one_factor_of_120_days_scales_with_the_root_of_time() -> None:
    g = gains()[:, :1]
    assert liquidity_cascade(g, [120]).es == pytest.approx(np.sqrt(12) * expected_shortfall(g[:, 0], 0.975))


def test_stress_counts_a_ratio_of_one_at_least() -> None:
    assert stressed_es(100.0, 30.0, 20.0) == 150 and stressed_es(100.0, 10.0, 20.0) == 100
    with pytest.raises(InputError, match="have no ratio"):
        stressed_es(100.0, 10.0, 0.0)


def test_other_horizons_and_missing_ones_are_refused() -> None:
    with pytest.raises(InputError, match="of 15 days is not one of"):
        liquidity_cascade(gains(), np.where(DAYS == 20, 15, DAYS))
    with pytest.raises(InputError, match="one liquidity horizon a column, not 3"):
        liquidity_cascade(gains(), [10, 10, 10])
