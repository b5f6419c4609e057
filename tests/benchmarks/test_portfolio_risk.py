import numpy as np
import pytest

from bezant.benchmarks import portfolio_risk
from bezant.risk import expected_shortfall, value_at_risk
from market_files import ewma_variance, twenty_stocks


def returns() -> np.ndarray:
    return np.log1p(twenty_stocks().to_numpy())[-1400:]


def test_volatility_is_that_of_the_days_before() -> None:
    found = portfolio_risk.volatilities(returns())
    assert np.allclose(found[:-1] ** 2, ewma_variance(returns()))
    assert len(found) == len(returns()) + 1


def test_nothing_that_comes_later_moves_a_forecast() -> None:
    whole, garbled = returns(), returns()
    garbled[-5:] = 0.3
    before = portfolio_risk.walk(whole, 0.99, days=20)[1]
    after = portfolio_risk.walk(garbled, 0.99, days=20)[1]
    for name in portfolio_risk.METHODS:
        assert np.array_equal(np.array(before[name])[:, :16], np.array(after[name])[:, :16])
        if name != "historical simulation":
            assert not np.allclose(np.array(before[name])[:, 16:], np.array(after[name])[:, 16:])


def test_historical_and_filtered_simulation_equal_loops() -> None:
    whole = returns()
    gains, risks = portfolio_risk.walk(whole, 0.975, days=1)
    past = np.expm1(whole[-1001:-1]).mean(axis=1)
    assert gains == pytest.approx([np.expm1(whole[-1]).mean()])
    assert risks["historical simulation"][0][0] == value_at_risk(past, 0.975)
    sd = np.sqrt(ewma_variance(whole))
    redrawn = [
        np.mean(np.exp(whole[t] / sd[t] * sd[-1]) - 1) for t in range(len(whole) - 1001, len(whole) - 1)
    ]
    assert risks["filtered historical"][1][0] == pytest.approx(expected_shortfall(redrawn, 0.975))


def test_es_is_beyond_var_and_the_table_ranks_by_score() -> None:
    gains, risks = portfolio_risk.walk(returns(), 0.99, days=260)
    for var, es in risks.values():
        assert (es > var).all() and (var > 0).all()
    table, tests = portfolio_risk.table_of(gains, risks, 0.99)
    assert table["fz0"].is_monotonic_increasing and table["could_be_best"].iloc[0]
    assert [test.name for test in tests] == list(portfolio_risk.METHODS)
    assert set(table["light"]) <= {"green", "amber", "red"}
