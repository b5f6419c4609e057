"""The benchmark of markets prints what the models give, for any model that takes part."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pyarrow as pa
import pytest

from bezant.benchmarks import market_models, markets
from bezant.desks.markets.forecaster import MarketForecaster
from bezant.histories.market import read_bars
from bezant.metrics.market import qlike
from bezant.traditional.markets import Ewma, Har, RollingQuantiles, last_origins, walk
from bezant.types import InputError, MissingExtraError
from market_support import cached, drawn_bars

FEW = {
    markets.WALK: markets.Entrant(RollingQuantiles),
    markets.BASE: markets.Entrant(Ewma),
    "gamma-HAR, 4 means": markets.Entrant(Har, refit_every=20),
    "GJR-GARCH-t": markets.Entrant(Ewma),
}


class Absent(Ewma):
    """A model whose package is not installed."""

    def fit(self, bars, **_):
        raise MissingExtraError("arch", "markets", "GARCH-t")


@pytest.fixture
def few(monkeypatch):
    for name in ("MODELS", "UNSEEN"):
        monkeypatch.setattr(markets, name, FEW | {"absent": markets.Entrant(Absent)})


@pytest.mark.usefixtures("few")
def test_the_index_has_a_line_for_every_model_and_the_ratio_of_the_base_is_one():
    bars = read_bars(cached("sp500"))
    cached("nasdaq")
    lines = list(markets.markets(["index"], days=30))
    table = [line for line in lines if line.startswith((*FEW, "absent", "equal weights of 2"))]
    assert len(table) == 2 * 6
    assert " 1.000 " in next(line for line in table if line.startswith(markets.BASE))
    assert "left out: GARCH-t needs the package arch" in next(
        line for line in table if line.startswith("absent")
    )
    rows = last_origins(bars, 30, 21)
    found = walk(Ewma(), bars, rows, refit_every=63, horizons=(1,)).variance[:, 0]
    expected = qlike(markets.garman_klass(bars)[rows + 1], found * markets.range_share(bars)[rows]).mean()
    assert f"{expected:.4f}  1.000" in next(line for line in table if line.startswith(markets.BASE))


@pytest.mark.usefixtures("few")
def test_shares_and_tails_have_their_figures():
    for name in ("us-stocks-20", "sp500", "nasdaq", "us-factors-5"):
        cached(name)
    lines = list(markets.markets(["stocks", "tails"], days=5))
    walk_line, *tails = (line for line in lines if line.startswith(markets.WALK))
    assert "1.000  1.000  1.000" in walk_line
    assert lines.index(walk_line) < next(k for k, line in enumerate(lines) if line.startswith(markets.BASE))
    indices, funds, whole = (float(line.split()[2]) for line in tails)
    assert whole == pytest.approx((2 * indices + 5 * funds) / 7, abs=0.001)
    assert any(line.startswith("7 series") for line in lines)


@pytest.mark.usefixtures("few")
def test_indices_that_nothing_was_chosen_on_have_the_lines_of_shares():
    for name in ("european-indices", "dow-jones"):
        cached(name)
    lines = list(markets.markets(["europe", "dow"], days=5))
    heads = [line for line in lines if "origins from" in line]
    assert heads[0].startswith("CAC, DAX, FTSE, SMI, 7 origins from 1998-07-08 to 1998-07-16")
    assert heads[1].startswith("Dow Jones, 5 origins from 2023-10-17 to 2023-10-23")
    assert sum("1.000  1.000  1.000" in line for line in lines) == 2  # the random walk's own ratio


def test_days_on_which_an_exchange_was_shut_are_left_out_of_that_asset_alone():
    days = np.arange("2001-01-01", "2001-01-05", dtype="datetime64[D]").astype("datetime64[us]")
    table = pa.table(
        {
            "asset": ["A"] * 4 + ["B"] * 4,
            "time": [*days] * 2,
            "close": [1.0, 2.0, 2.0, 1.0, 1.0, 3.0, 4.0, 4.0],
        }
    )
    bars = markets.open_days(table)
    assert bars.close.tolist() == [1.0, 2.0, 1.0, 1.0, 3.0, 4.0]
    assert bars.offsets.tolist() == [0, 3, 6]


def test_the_forecaster_is_fitted_on_unseen_markets_as_often_as_backtest_fits_it():
    default = inspect.signature(MarketForecaster.backtest).parameters["refit_every"].default
    assert market_models.UNSEEN[market_models.BEZANT].refit_every == default
    assert set(market_models.UNSEEN) == set(market_models.MODELS)


def test_the_economy_and_rates_are_ratios_to_no_change(monkeypatch):
    cached("us-macro"), cached("default-spreads")
    monkeypatch.setattr(markets, "ECONOMY", {"nothing": markets.Entrant(RollingQuantiles, refit_every=80)})
    lines = list(markets.markets(["macro", "rates"]))
    own = [line for line in lines if line.startswith("nothing")]
    assert "1.00/1.00" in own[0]  # unemployment
    assert [line.split()[1] for line in own[1:]] == ["1.000", "1.000"]
    assert "2009-09" not in "".join(lines)


def test_what_has_just_ended_is_the_random_walk_of_growth():
    bars = markets.economy_bars()
    gdp = bars.only("realgdp")
    assert np.allclose(gdp.ahead(4)[10], gdp.close[14] - gdp.close[10])
    assert set(bars.assets) == {*markets.GROWTH, *markets.RATES}


def test_the_share_of_ranges_is_of_the_past_alone():
    bars = read_bars(drawn_bars(200, ("A",)))
    wrong = dataclasses.replace(bars, high=np.where(np.arange(200) > 100, bars.high * 2, bars.high))
    assert np.array_equal(markets.range_share(bars)[:101], markets.range_share(wrong)[:101])
    squares, ranges = np.nansum(bars.returns**2), np.sum(markets.garman_klass(bars))
    assert markets.range_share(bars)[-1] == pytest.approx(ranges / squares)


def test_assets_of_one_day_count_once():
    bars = read_bars(drawn_bars(100))
    rows = np.array([50, 51, 110])  # B begins 40 days later
    assert bars.time[110] == bars.time[50]
    assert markets.by_day(bars, rows, np.array([1.0, 2.0, 4.0])).tolist() == [2.5, 2.0]


def test_an_unknown_part_and_a_refit_every_0_are_refused():
    with pytest.raises(InputError, match="no part 'bonds'"):
        list(markets.markets(["bonds"]))
    with pytest.raises(InputError, match="every 1 origin or more, not 0"):
        markets.Entrant(Ewma, refit_every=0)


def test_the_vix_takes_part_from_the_day_on_which_enough_of_it_is_known(monkeypatch):
    cached("sp500"), cached("vix")
    entrants = {name: markets.VIX_MODELS[name] for name in ("log-HAR", "log-HAR with VIX")}
    monkeypatch.setattr(markets, "VIX_MODELS", entrants | {markets.BASE: markets.Entrant(Ewma)})
    monkeypatch.setattr(markets, "VIX_KNOWN", 1200)
    lines = list(markets.markets(["vix"]))
    assert "from 2018-10-09" in lines[1]
    assert sum(line.startswith("log-HAR") for line in lines) == 2 * 2  # of two indices


def test_the_large_models_own_answers_are_put_back_in_the_order_asked_for(monkeypatch):
    bars = read_bars(drawn_bars(200))
    rows = np.array([170, 330, 171, 172, 331, 332, 180])  # B begins 40 days later

    class Stub(market_models.Recorded):
        def fit(self, bars, **given):
            self.large = RollingQuantiles(window=20).fit(bars, **given)
            return self

        def answers(self, bars, rows):
            return Ewma().fit(bars, horizons=(1,)).forecast(bars, rows), {
                market_models.LARGE: self.large.forecast(bars, rows)
            }

    monkeypatch.setattr(market_models, "Recorded", Stub)
    entrants = {"bezant": markets.Entrant(Stub, refit_every=2)}
    found = {name: f for name, f, _ in market_models.walked(entrants, bars, rows, (1,))}
    expected = walk(RollingQuantiles(window=20), bars, rows, refit_every=2, horizons=(1,))
    assert list(found) == ["bezant", market_models.ALONE]
    np.testing.assert_array_equal(found[market_models.ALONE].rows, rows)
    np.testing.assert_allclose(found[market_models.ALONE].quantiles, expected.quantiles)


@pytest.mark.usefixtures("few")
def test_only_the_chosen_models_take_part():
    for name in ("sp500", "nasdaq"):
        cached(name)
    lines = list(markets.markets(["index"], days=30, models=[markets.BASE]))
    assert sum(line.startswith(markets.BASE) for line in lines) == 2
    assert not any(line.startswith(markets.WALK) for line in lines)


def test_live_bars_are_timed(monkeypatch):
    class Quick:
        def fit(self, bars):
            self.bars_ = bars
            return self

        def update(self, bars):
            self.bars_ = self.bars_.append(bars)

        def forecast(self):
            return None

    monkeypatch.setattr(markets, "MarketForecaster", Quick)
    monkeypatch.setattr(markets, "index_bars", lambda: read_bars(drawn_bars(100)))
    first, last = list(markets.markets(["live"]))[1:]
    assert first.startswith("160 bars of 2 assets") and last.endswith("ms")
