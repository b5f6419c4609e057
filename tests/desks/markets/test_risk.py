"""MarketRisk: from a forecaster and positions to VaR, ES, their parts and their backtest."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from bezant.desks.markets.risk import METHODS, MarketRisk
from bezant.histories.market import Bars, read_bars
from bezant.traditional.markets import Ewma, Garch
from bezant.types import InputError
from market_files import twenty_stocks

POSITIONS = {"AAPL": 60.0, "JPM": 40.0}


@pytest.fixture(scope="module")
def bars() -> Bars:
    """Prices of three shares, 2012 to 2022."""
    returns = twenty_stocks()[["AAPL", "JPM", "XOM"]].loc["2012":]
    prices = 100 * (1 + returns).cumprod()
    long = prices.rename_axis("time").reset_index().melt("time", var_name="asset", value_name="close")
    return read_bars(long)


@pytest.fixture(scope="module")
def forecaster(bars: Bars) -> SimpleNamespace:
    """EWMA, fitted to all but the last 300 days."""
    cut = np.unique(bars.time)[-300]
    return SimpleNamespace(models_=Ewma().fit(bars.until(cut)), bars_=bars)


@pytest.mark.parametrize("method", METHODS)
def test_es_is_beyond_var_and_both_rise_with_the_level(forecaster: SimpleNamespace, method: str) -> None:
    risk = MarketRisk(forecaster, method=method)  # type: ignore[arg-type]
    levels = [0.9, 0.95, 0.975, 0.99]
    found = np.array([[risk.var(POSITIONS, v), risk.es(POSITIONS, v)] for v in levels])
    assert (found[:, 1] >= found[:, 0]).all()
    assert (np.diff(found, axis=0) > 0).all()
    assert 0 < found[-1, 0] < 20


@pytest.mark.parametrize("method", METHODS)
def test_risk_is_in_proportion_to_positions(forecaster: SimpleNamespace, method: str) -> None:
    risk = MarketRisk(forecaster, method=method)  # type: ignore[arg-type]
    twice = {name: 2 * money for name, money in POSITIONS.items()}
    assert risk.es(twice) == pytest.approx(2 * risk.es(POSITIONS), rel=1e-6)


def test_the_forecast_of_one_asset_has_the_forecasters_own_quantile(
    forecaster: SimpleNamespace, bars: Bars
) -> None:
    found = forecaster.models_.forecast(bars, bars.offsets[1:] - 1)
    place = list(bars.assets).index("JPM")
    quantile = found.quantiles[place, 0, found.at(0.01)]
    assert MarketRisk(forecaster).var({"JPM": 1.0}) == pytest.approx(-np.expm1(quantile), rel=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_parts_add_up(forecaster: SimpleNamespace, method: str) -> None:
    risk = MarketRisk(forecaster, method=method)  # type: ignore[arg-type]
    held = POSITIONS | {"XOM": 0.0}
    found = risk.attribution(held, 0.975)
    assert found.es_parts.sum() == pytest.approx(risk.es(held, 0.975))
    assert found.var_parts.sum() == pytest.approx(risk.var(held, 0.975))
    for asset, var, es in zip(found.assets, found.var_alone, found.es_alone, strict=True):
        alone = {asset: held[asset]}
        assert not held[asset] or var == pytest.approx(risk.var(alone, 0.975), rel=0.05)
        assert not held[asset] or es == pytest.approx(risk.es(alone, 0.975), rel=0.05)


def test_a_hedge_takes_risk_away(forecaster: SimpleNamespace) -> None:
    risk = MarketRisk(forecaster)
    assert risk.es({"AAPL": 60.0, "JPM": -20.0}) < risk.es({"AAPL": 60.0, "JPM": 20.0})


def test_a_backtest_judges_days_after_the_fit(forecaster: SimpleNamespace) -> None:
    found = MarketRisk(forecaster, method="filtered").backtest(POSITIONS, 0.99, days=250)
    assert found.days == 250
    assert 0 <= found.exceptions.sum() <= 15
    assert found.light is not None
    assert "filtered" in found.sentence


@pytest.mark.parametrize("method", ["forecast", "filtered"])
def test_days_are_judged_by_one_day_where_no_horizon_is_one(
    forecaster: SimpleNamespace, bars: Bars, method: str
) -> None:
    later = SimpleNamespace(
        models_=Ewma().fit(bars.until(np.unique(bars.time)[-300]), horizons=(5, 21)), bars_=bars
    )
    found = MarketRisk(later, method=method).backtest(POSITIONS, 0.95, days=250)  # type: ignore[arg-type]
    near = MarketRisk(forecaster, method=method).backtest(POSITIONS, 0.95, days=250)  # type: ignore[arg-type]
    assert found.exceptions.sum() >= 5  # the VaR of five days is hardly ever passed in one
    assert abs(int(found.exceptions.sum()) - int(near.exceptions.sum())) <= 6


@pytest.mark.parametrize("method", METHODS)
def test_what_comes_later_does_not_move_an_earlier_days_var(
    forecaster: SimpleNamespace, bars: Bars, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    bounds: list[np.ndarray] = []

    def kept(y: object, var: np.ndarray, es: object, **_: object) -> None:
        bounds.append(var)

    monkeypatch.setattr("bezant.desks.markets.risk.backtest_risk", kept)
    frame = pd.DataFrame({"time": bars.time, "asset": bars.assets[bars.owner], "close": bars.close})
    frame.loc[frame["time"] > np.unique(bars.time)[-10], "close"] /= 3
    for known in (bars, read_bars(frame)):
        fitted = SimpleNamespace(models_=forecaster.models_, bars_=known)
        risk = MarketRisk(fitted, method=method)  # type: ignore[arg-type]
        risk.backtest(POSITIONS, 0.99, days=100)
    np.testing.assert_array_equal(bounds[0][:90], bounds[1][:90])
    assert (bounds[0][92:] != bounds[1][92:]).any()


def test_a_level_beyond_which_nothing_lies_is_refused_but_of_a_tail(forecaster: SimpleNamespace) -> None:
    with pytest.raises(
        InputError, match=r"Of 1,000 scenarios fewer than 2 lie beyond 99\.9 %.*method='tail'"
    ):
        MarketRisk(forecaster).var(POSITIONS, 0.999)
    with pytest.raises(InputError, match="fewer than 2 lie beyond"):
        MarketRisk(forecaster).attribution(POSITIONS, 0.999)
    tail = MarketRisk(forecaster, method="tail")
    assert tail.attribution(POSITIONS, 0.999).es == pytest.approx(tail.es(POSITIONS, 0.999))
    assert tail.es(POSITIONS, 0.999) > tail.var(POSITIONS, 0.999) > tail.var(POSITIONS, 0.99)
    assert MarketRisk(forecaster, days=2000).es(POSITIONS, 0.999) > 0


def test_garch_is_that_of_the_bars_whatever_the_forecaster(forecaster: SimpleNamespace, bars: Bars) -> None:
    found = MarketRisk(forecaster, method="garch").var({"JPM": 1.0}, 0.99)
    own = Garch().fit(bars.only("JPM")).forecast(bars.only("JPM"), np.array([len(bars.only("JPM")) - 1]))
    assert found == pytest.approx(-np.expm1(own.quantiles[0, 0, own.at(0.01)]), rel=0.05)


def test_an_unknown_asset_is_named(forecaster: SimpleNamespace) -> None:
    with pytest.raises(InputError, match="'GE'"):
        MarketRisk(forecaster).var({"GE": 1.0})


def test_an_asset_that_is_nearly_one_of_the_bars_is_named_with_it(forecaster: SimpleNamespace) -> None:
    risk = MarketRisk(forecaster)
    with pytest.raises(InputError, match=r"among the 3 assets of .*; name it 'JPM' if that is meant"):
        risk.var({"JPMX": 1.0})
    with pytest.raises(InputError, match="name it as one of 'AAPL', 'JPM', 'XOM', leave it out"):
        risk.var({"gold": 1.0})


@pytest.mark.parametrize("method", METHODS)
def test_risk_over_any_horizon_lies_between_those_that_were_forecast(
    forecaster: SimpleNamespace, method: str
) -> None:
    risk = MarketRisk(forecaster, method=method)  # type: ignore[arg-type]
    found = [risk.es(POSITIONS, horizon=h) for h in (1, 3, 5, 21, 40)]
    assert (np.diff(found) > 0).all()
    with pytest.raises(InputError, match="from 1 on, not 0"):
        risk.var(POSITIONS, horizon=0)


def test_stress_is_what_the_positions_lost_from_close_to_close(
    forecaster: SimpleNamespace, bars: Bars
) -> None:
    past, shocked = MarketRisk(forecaster).stress(POSITIONS, {"apple halves": {"AAPL": -0.5}})
    stocks = twenty_stocks()[["AAPL", "JPM"]]
    fall = (1 + stocks.loc["2020-02-20":"2020-03-23"]).prod() - 1
    at = past.scenarios.index("Covid, 2020")
    np.testing.assert_allclose(past.gains[at], fall.to_numpy() * list(POSITIONS.values()), rtol=1e-9)
    assert any("1987" in note for note in past.notes)
    assert shocked.gains[0, 0] == pytest.approx(-30.0)
    assert -20 < shocked.gains[0, 1] < 0  # the bank falls with it


def test_the_break_of_2020_is_seen_in_each_share(forecaster: SimpleNamespace, bars: Bars) -> None:
    found = MarketRisk(forecaster).breaks("JPM", days=900)
    assert len(found.time) == 900 and found.time[-1] == bars.time.max()
    wilder = [str(found.time[a.at])[:7] for a in found.alarms if a.kind == "wilder"]
    assert {"2020-02", "2020-03"} & set(wilder)
    with pytest.raises(InputError, match="'GE'"):
        MarketRisk(forecaster).breaks("GE")
    with pytest.raises(InputError, match="1 bar or more, not 0"):
        MarketRisk(forecaster).breaks("JPM", days=0)
