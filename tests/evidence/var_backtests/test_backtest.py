import numpy as np
import pytest
from scipy.stats import norm

from bezant.evidence.var_backtests import RiskBacktest, backtest_risk, dynamic_quantile, kupiec
from bezant.metrics.market import fz0
from bezant.types import InputError
from market_files import ewma_variance, sp500


def forecasts(level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The S&P 500 of 2007 to 2009 with VaR and ES of a normal distribution, exponentially weighted."""
    whole = sp500()
    chosen = (whole.index >= "2007-01-01") & (whole.index < "2010-01-01")
    sd = np.sqrt(ewma_variance(whole.to_numpy()))[chosen]
    z = norm.ppf(level)
    return whole.to_numpy()[chosen], z * sd, norm.pdf(z) / (1 - level) * sd


def test_the_backtest_holds_what_each_test_says_alone() -> None:
    y, var, es = forecasts(0.99)
    found = backtest_risk(y, var, es, level=0.99, name="Normal EWMA")
    by_name = {test.name: test for test in found.tests}
    assert by_name["Kupiec"] == kupiec(y < -var, 0.99)
    assert by_name["Dynamic quantile"] == dynamic_quantile(y < -var, var, 0.99)
    assert found.mean_fz0 == pytest.approx(fz0(y, var, es, 0.99).mean())
    assert found.light is not None and found.light.exceptions == int((y < -var)[-250:].sum())


def test_the_normal_distribution_fails_in_the_crisis_and_the_sentence_says_by_what() -> None:
    found = backtest_risk(*forecasts(0.99), level=0.99, name="Normal EWMA")
    rejected = [test.name for test in found.rejected]
    assert {"Kupiec", "Acerbi-Szekely Z2"} <= set(rejected)
    assert found.sentence.startswith("Normal EWMA: ") and "where 1 % are promised" in found.sentence
    assert f"rejected at 5 % by {', '.join(rejected)}. Basel traffic light" in found.sentence


def test_the_table_has_a_row_a_test() -> None:
    table = backtest_risk(*forecasts(0.975), level=0.975).as_table()
    assert list(table.columns) == ["test", "asks", "statistic", "p_value", "rejected"]
    assert table["test"].tolist() == [
        "Kupiec", "Christoffersen", "Conditional coverage", "Dynamic quantile", "Acerbi-Szekely Z2",
    ]  # fmt: skip


def test_what_few_days_do_not_allow_is_said() -> None:
    y, var, _ = forecasts(0.99)
    few = backtest_risk(y[:10], var[:10], level=0.99)
    assert [test.name for test in few.tests] == ["Kupiec"] and few.light is None and few.mean_fz0 is None
    assert few.notes == (
        "10 days are too few for tests of clustering, which need more than 16.",
        "The traffic light needs 250 days, and there are 10.",
    )
    assert backtest_risk(y, var, level=0.975).light is None


def test_a_backtest_of_no_days_is_refused() -> None:
    with pytest.raises(InputError, match="no rows"):
        backtest_risk([], [], level=0.99)
    with pytest.raises(InputError, match="has no days"):
        RiskBacktest("x", 0.99, np.zeros(0, bool), ())
