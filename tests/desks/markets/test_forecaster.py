"""The markets desk: nothing from the future, quantiles in order, live bars, saving."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bezant as bz
from bezant.desks.markets.evaluation import MarketEvaluation, direction_of
from bezant.desks.markets.network import ended_before
from bezant.desks.markets.parts import _told_from, told_by
from bezant.histories.market import Bars, read_bars
from market_support import drawn_bars

LEVELS = (0.005, 0.05, 0.5, 0.95, 0.995)
QUICK = {"max_epochs": 2}
LAST = np.datetime64("2002-01-25")


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    frame: pd.DataFrame = drawn_bars(440).to_pandas()
    return frame


@pytest.fixture(scope="module")
def market(whole: pd.DataFrame) -> bz.MarketForecaster:
    settings = {"horizons": (1, 5), "levels": LEVELS, "size": "tiny", "window": 64, "training": QUICK}
    return bz.MarketForecaster(**settings).fit(whole[whole["time"] <= LAST])


def columns_of(frame: pd.DataFrame) -> np.ndarray:
    return frame.filter(regex=r"^q0").to_numpy()


def with_garbage(bars: Bars, after: np.datetime64) -> Bars:
    late = bars.time > after
    random = np.random.default_rng(1)
    price = np.where(late, random.uniform(1, 1e4, len(bars)), bars.close)
    assert bars.open is not None and bars.high is not None and bars.low is not None
    return dataclasses.replace(
        bars,
        close=price,
        open=np.where(late, price, bars.open),
        high=np.where(late, 3 * price, bars.high),
        low=np.where(late, price / 3, bars.low),
        volume=np.where(late, 7.0, bars.volume),
    )


def test_a_forecast_has_a_row_an_asset_and_horizon(market: bz.MarketForecaster) -> None:
    found = market.forecast()
    assert isinstance(found, pd.DataFrame)
    assert list(found["asset"]) == ["A"] * 2 + ["B"] * 2
    assert list(found["horizon"]) == [1, 5] * 2
    assert list(found.columns[5:]) == [f"{of}q{v:g}" for of in ("", "level_") for v in LEVELS]
    bars = market.bars_
    close = dict(zip(bars.assets, bars.close[bars.offsets[1:] - 1], strict=True))
    change = np.log(found["level_q0.95"] / found["asset"].map(close))
    np.testing.assert_allclose(change, found["q0.95"], rtol=1e-6)
    assert (found["origin"] == LAST).all()
    assert (found["variance"] > 0).all() and found["p_up"].between(0, 1).all()
    assert (np.diff(columns_of(found), axis=1) >= 0).all()


def test_overwriting_every_later_bar_with_garbage_moves_no_forecast(
    market: bz.MarketForecaster, whole: pd.DataFrame
) -> None:
    bars = read_bars(whole)
    rows = np.flatnonzero(bars.time == LAST)
    found = market.models_.forecast(bars, rows)
    moved = market.models_.forecast(with_garbage(bars, LAST), rows)
    np.testing.assert_array_equal(moved.quantiles, found.quantiles)
    np.testing.assert_array_equal(moved.variance, found.variance)
    on_the_day = market.models_.forecast(with_garbage(bars, LAST - np.timedelta64(1, "D")), rows)
    assert (on_the_day.variance != found.variance).all()  # garbage would be noticed


def test_live_bars_give_what_all_bars_give(
    whole: pd.DataFrame, market: bz.MarketForecaster, tmp_path: Path
) -> None:
    live = bz.load(market.save(tmp_path / "live"))
    live.update(whole[whole["time"] > LAST])
    pd.testing.assert_frame_equal(live.forecast(), market.forecast(whole), rtol=1e-6)


def test_a_split_between_the_known_bars_and_live_ones_is_said(
    whole: pd.DataFrame, market: bz.MarketForecaster, tmp_path: Path
) -> None:
    live = bz.load(market.save(tmp_path / "live"))
    later = whole[whole["time"] > LAST].copy()
    later.loc[later["asset"] == "B", ["open", "high", "low", "close"]] /= 4
    live.update(later)
    said = [note for note in live.notes_ if "like a split" in note]
    assert len(said) == 1 and said[0].startswith("1 move looks like a split")
    assert "('B' by a factor of 0.2" in said[0]


def test_a_saved_forecaster_answers_the_same(market: bz.MarketForecaster, tmp_path: Path) -> None:
    restored = bz.load(market.save(tmp_path / "market"))
    pd.testing.assert_frame_equal(restored.forecast(), market.forecast(), rtol=1e-9)
    assert restored.notes_ == market.notes_
    assert restored.parts_ == market.parts_
    assert restored.evaluation_ == market.evaluation_


def test_each_part_says_what_it_gives(market: bz.MarketForecaster) -> None:
    names = ["large model", "gamma regression", "gamma-HAR", "GJR-GARCH-t", "EGARCH-t", "LightGBM"]
    assert list(market.parts_) == names
    for kind in ("variance_weight", "quantile_weight"):
        weights = [part[kind] for part in market.parts_.values()]
        assert sum(weights) == pytest.approx(1) and min(weights) >= 0
    assert set(market.evaluation_.variance_loss) == {*market.parts_, "forecaster"}
    assert sum("always-up" in note for note in market.notes_) == 2


def with_implied(bars: Bars, known_from: int) -> Bars:
    """Bars with an implied volatility that is known from some bar on but for one, and a spread."""
    random = np.random.default_rng(2)
    place = np.concatenate([np.arange(len(own)) for own in (bars.only(str(a)) for a in bars.assets)])
    implied = np.where(
        (place >= known_from) & (place != 200), np.exp(random.normal(-4, 0.2, len(bars))), np.nan
    )
    return dataclasses.replace(bars, covariates={"implied": implied, "spread": random.normal(size=len(bars))})


def test_positive_covariates_get_a_part_of_their_own_that_is_saved(
    whole: pd.DataFrame, tmp_path: Path
) -> None:
    bars = with_implied(read_bars(whole), 70)
    assert told_by(bars, (1, 5)) == ("implied",)
    settings = {"horizons": (1, 5), "levels": LEVELS, "size": "tiny", "window": 64, "training": QUICK}
    market = bz.MarketForecaster(**settings).fit(bars)
    assert market.models_.told_ == ("implied",)
    assert "log-HAR with covariates" in market.parts_
    early = np.array([120, 200])  # the covariate is not known at the second
    answer, parts = market.models_.answers(bars, early)
    own, large = parts["log-HAR with covariates"].variance, parts["large model"].variance
    np.testing.assert_array_equal(own[1], large[1])
    assert (own[0] != large[0]).all()
    restored = bz.load(market.save(tmp_path / "market"))
    np.testing.assert_allclose(restored.models_.forecast(bars, early).variance, answer.variance, rtol=1e-9)


def test_a_covariate_that_begins_after_the_cut_is_weighed_on_later_bars(whole: pd.DataFrame) -> None:
    bars = with_implied(read_bars(whole), 70)
    cut = np.sort(bars.time)[100]
    known = np.sort(bars.time[np.isfinite(bars.covariates["implied"])])
    assert _told_from(bars, cut) == known[int(0.6 * len(known))] > cut
    assert _told_from(bars, LAST) == LAST
    assert _told_from(read_bars(whole), cut) == cut


def test_a_covariate_that_is_known_too_late_gets_no_part(whole: pd.DataFrame) -> None:
    assert told_by(with_implied(read_bars(whole), 300), (1, 5)) == ()


def test_the_answer_is_of_the_kind_of_the_input(market: bz.MarketForecaster, whole: pd.DataFrame) -> None:
    past = whole[whole["time"] <= LAST]
    found = market.forecast(pl.from_pandas(past))
    assert isinstance(found, pl.DataFrame)
    assert found["variance"].to_list() == list(market.forecast()["variance"])


def test_a_backtest_refits_and_says_what_came(whole: pd.DataFrame) -> None:
    frame = whole[whole["asset"] == "A"]
    model = bz.MarketForecaster(size="tiny", window=32, training={"max_epochs": 1}, combine=False)
    found = model.backtest(frame, "2002-03-10", refit_every=3)
    assert sorted(found["origin"].unique()) == sorted(frame["time"][frame["time"] >= "2002-03-10"])
    change = np.log(frame["close"]).diff().to_numpy()[-(len(found) // 3) + 1 :]
    np.testing.assert_allclose(found.loc[found["horizon"] == 1, "change"][:-1], change)
    assert not hasattr(model, "models_")


def test_horizons_that_end_in_the_held_out_part_are_not_trained_on(whole: pd.DataFrame) -> None:
    bars = read_bars(whole)
    cut = bars.time[300]
    early = ended_before(bars, cut, (1, 5))
    for row in (0, 293, 294, 295, 297, 298, 299, 300, 439, 440, len(bars) - 1):
        for k, horizon in enumerate((1, 5)):
            end = row + horizon
            slow = end < len(bars) and bars.owner[end] == bars.owner[row] and bars.time[end] < cut
            assert early[row, k] == slow


def test_direction_is_counted_against_always_up() -> None:
    change = np.array([1.0, 2.0, -1.0, 1.0] * 50)
    days = np.datetime64("2001-01-01") + np.arange(200)
    always = direction_of(1, np.full(200, 0.6), change, days)
    assert (always.hits, always.always_up, always.advantage) == (0.75, 0.75, 0.0)
    assert not always.too_good
    knows = direction_of(1, (change > 0).astype(float), change, days)
    assert knows.hits == 1.0 and knows.too_good
    months = np.datetime64("2001-01", "M") + np.arange(200)
    monthly = direction_of(1, (change > 0).astype(float), change, months.astype("datetime64[us]"))
    assert monthly.hits == 1.0 and not monthly.too_good  # yields of months do go on as they were


def test_directions_are_shares_of_days_where_assets_come_and_go() -> None:
    change = np.array([1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
    days = np.datetime64("2001-01-01") + np.array(
        [0, 0, 0, 0, 1, 2]
    )  # four assets on one day, one on each of two
    found = direction_of(1, np.array([0.6, 0.6, 0.6, 0.6, 0.4, 0.4]), change, days)
    assert found.hits == pytest.approx((0.75 + 0 + 1) / 3)
    assert found.always_up == pytest.approx((0.75 + 1 + 0) / 3)
    assert found.advantage == pytest.approx(found.hits - found.always_up)


def test_the_large_model_alone_refuses_a_past_that_is_too_short_for_it() -> None:
    quarters = drawn_bars(200)
    with pytest.raises(bz.InputError, match=r"needs 255 .* that of 'A', has 200; .*combine=False"):
        bz.MarketForecaster(horizons=(1, 5), combine=False).fit(quarters)


def test_assets_without_a_bar_at_the_last_time_are_said(whole: pd.DataFrame) -> None:
    settings = {"horizons": (1, 5), "levels": LEVELS, "size": "tiny", "training": QUICK, "combine": False}
    market = bz.MarketForecaster(**settings).fit(whole[whole["time"] <= LAST])
    later = whole[whole["time"] > LAST]
    day = later[later["time"] == later["time"].min()]
    market.update(day[day["asset"] == "A"])
    assert "1 of the 2 fitted assets have no bar at 2002-01-26, the last time (B)" in market.notes_[-1]
    before = market.notes_
    past = whole[(whole["asset"] == "B") & (whole["time"] <= LAST)]
    market.forecast(past)
    assert market.notes_ == before  # a forecast changes nothing; who asks is told
    assert "at 2002-01-25, the last time (A)" in str(market.absent(market._read(past)))


def test_a_band_that_does_not_hold_is_said_with_what_there_was_to_learn_from(
    market: bz.MarketForecaster,
) -> None:
    said = dataclasses.replace(
        market.evaluation_,
        origins=84,
        covered={"forecaster": (0.9, 0.75)},
        covered_by_asset={"A": (0.9, 0.75), "B": (0.9, 0.75)},
    )
    (doubt,) = said.doubts()
    assert "over 5 bars held 75%" in doubt and "8 stretches without overlap of each asset" in doubt
    assert "too short" in doubt and "narrower than it says" in doubt
    assert set(market.evaluation_.doubts()) <= set(market.notes_)


def test_an_evaluation_comes_back_from_its_document(market: bz.MarketForecaster) -> None:
    assert MarketEvaluation.restore(market.evaluation_.document()) == market.evaluation_


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"size": "huge"}, "size is one of"),
        ({"backbone": "gru"}, "backbone is one of"),
        ({"horizons": (5, 1)}, "horizons are rising"),
        ({"window": 1}, "window is a number"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(
    settings: dict[str, object], sentence: str, whole: pd.DataFrame
) -> None:
    with pytest.raises(bz.InputError, match=sentence):
        bz.MarketForecaster(**settings).fit(whole)


def test_short_histories_are_refused(whole: pd.DataFrame) -> None:
    with pytest.raises(bz.InputError, match=r"needs 97 bars of each .* 'A' has 70; .* at most 13 bars"):
        bz.MarketForecaster().fit(whole.head(70))
    with pytest.raises(bz.InputError, match=r"needs 60 bars .* 'A' has 59; .*60 bars are least"):
        bz.MarketForecaster(horizons=(1,)).fit(whole.head(59))


def test_a_new_asset_is_refused_by_update(market: bz.MarketForecaster, whole: pd.DataFrame) -> None:
    with pytest.raises(bz.InputError, match="'C' was not among the 2"):
        market.update(whole[whole["time"] > LAST].replace({"asset": {"B": "C"}}))


def test_parts_of_values_have_the_middle_that_past_origins_believe_in(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    change = np.zeros(500)
    for t in range(1, 500):
        change[t] = 0.8 * change[t - 1] + random.normal()
    time = pd.date_range("1950-01-31", periods=500, freq="ME")
    rates = pd.DataFrame({"time": time, "rate": np.cumsum(change)})
    settings = {"horizons": (1, 3), "levels": LEVELS, "size": "tiny", "training": QUICK}
    market = bz.MarketForecaster(value="rate", asset=None, change="difference", **settings)
    market.fit(rates)  # months go on as they were: no warning of a leak
    bars, rows = market.bars_, np.arange(300, 499)
    found, parts = market.models_.answers(bars, rows)
    assert market.models_.means_ is not None
    expected = market.models_.means_.forecast(bars, rows).mean
    for part in parts.values():
        np.testing.assert_allclose(part.mean, expected, atol=1e-9)
    came = bars.ahead(1)[rows]
    assert np.mean((came - found.mean[:, 0]) ** 2) < 0.5 * np.mean(came**2)  # 1 - .8^2 is left
    assert any(note.startswith("weighed means: ") for note in market.notes_)
    again = bz.load(market.save(tmp_path / "market"))
    pd.testing.assert_frame_equal(again.forecast(), market.forecast())
