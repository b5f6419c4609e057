"""Months and quarters: a forecaster of few bars, without the large model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bezant as bz
from bezant.desks.markets.short import PARTS, ShortMarketModels, fewest_bars
from bezant.types import InputError
from loans import run

LEVELS = (0.005, 0.05, 0.5, 0.95, 0.995)
HORIZONS = (1, 4)
LAST = pd.Timestamp("1996-06-30")


@pytest.fixture(scope="module")
def quarters() -> pd.DataFrame:
    """Two series of 160 quarters whose growth goes on, 10 of them after LAST."""
    random = np.random.default_rng(0)
    growth = np.zeros((160, 2))
    for t in range(1, 160):
        growth[t] = 0.7 * growth[t - 1] + random.normal(0, 0.01, 2)
    time = pd.date_range(end="1998-12-31", periods=160, freq="QE")
    frame = pd.DataFrame(100 * np.exp(np.cumsum(growth + 0.005, axis=0)), columns=["income", "spending"])
    return frame.assign(time=time)


def forecaster() -> bz.MarketForecaster:
    return bz.MarketForecaster(
        asset=None, value=("income", "spending"), horizons=HORIZONS, levels=LEVELS, random_state=0
    )


@pytest.fixture(scope="module")
def market(quarters: pd.DataFrame) -> bz.MarketForecaster:
    return forecaster().fit(quarters[quarters["time"] <= LAST])


def test_what_can_be_fitted_answers_and_what_cannot_is_said(market: bz.MarketForecaster) -> None:
    assert isinstance(market.models_, ShortMarketModels)
    assert list(market.parts_) == list(PARTS)
    for kind in ("variance_weight", "quantile_weight"):
        assert sum(part[kind] for part in market.parts_.values()) == pytest.approx(1)
    assert "they need 254 bars of an asset, and the longest history has 150" in market.notes_[0]
    assert any("weighed, and judged, on the 41 times" in note for note in market.notes_)
    found = market.forecast()
    assert list(found["horizon"]) == [1, 4] * 2
    quantiles = found.filter(regex=r"^q0").to_numpy()
    assert (np.diff(quantiles, axis=1) > 0).all() and (found["variance"] > 0).all()
    held = market.evaluation_.covered["forecaster"]
    assert all(0.7 < share <= 1 for share in held)


def test_covariates_are_said_not_to_be_read(market: bz.MarketForecaster) -> None:
    bars = replace(market.bars_, covariates={"vix": np.ones(len(market.bars_))})
    notes = ShortMarketModels().fit(bars, horizons=HORIZONS, levels=LEVELS).notes_
    assert "covariates (vix) are not read." in notes[0]
    assert "covariates" not in market.notes_[0]


def test_growth_that_goes_on_is_foreseen(market: bz.MarketForecaster, quarters: pd.DataFrame) -> None:
    losses = market.evaluation_.quantile_loss
    assert losses["forecaster"][0] < 0.95 * losses["random walk"][0]


def test_bars_after_the_origin_move_nothing(market: bz.MarketForecaster, quarters: pd.DataFrame) -> None:
    bars = market._read(quarters)
    garbage = quarters.copy()
    garbage.loc[garbage["time"] > LAST, ["income", "spending"]] = [7.0, 1e5]
    rows = np.flatnonzero(bars.time == np.datetime64(LAST))
    found = market.models_.forecast(bars, rows)
    moved = market.models_.forecast(market._read(garbage), rows)
    np.testing.assert_array_equal(moved.quantiles, found.quantiles)
    np.testing.assert_array_equal(moved.variance, found.variance)


def test_it_is_saved_and_takes_new_bars_in(
    market: bz.MarketForecaster, quarters: pd.DataFrame, tmp_path: Path
) -> None:
    again = bz.load(market.save(tmp_path / "market"))
    pd.testing.assert_frame_equal(again.forecast(), market.forecast(), rtol=1e-9)
    assert (again.notes_, again.parts_, again.evaluation_) == (
        market.notes_,
        market.parts_,
        market.evaluation_,
    )
    again.update(quarters[quarters["time"] > LAST])
    pd.testing.assert_frame_equal(again.forecast(), market.forecast(quarters), rtol=1e-9)
    with pytest.raises(bz.InputError, match="Scenarios need 250 past days"):
        bz.MarketRisk(again).var({"income": 100.0}, 0.95)


def test_it_is_walked_forward_beside_a_random_walk(quarters: pd.DataFrame, tmp_path: Path) -> None:
    model = forecaster()
    found = model.backtest(quarters, "1990-01-01", refit_every=20, folder=tmp_path)
    assert len(found) == 36 * 2 * 2
    scores = model.backtest_.scores
    assert {t.baseline for t in scores.tasks} == {"random walk"}
    assert len(model.backtest_.refits) == 2 and len(list(tmp_path.glob("fit-*.npz"))) == 2
    quantiles = next(t for t in scores.tasks if t.name == "quantiles, 1 bar")
    assert quantiles.figure("forecaster") < 1


def test_a_walk_over_many_bars_judges_the_large_model_however_early_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    walked: list[object] = []

    def walk(models: object, *given: object, **settings: object) -> None:
        walked.append(models)
        raise InputError("enough")

    monkeypatch.setattr("bezant.desks.markets.forecaster.walk_market", walk)
    days = pd.date_range("2020-01-01", periods=400, freq="B")
    close = 100 * np.exp(np.random.default_rng(0).normal(0, 0.01, 400).cumsum())
    frame = pd.DataFrame({"time": days, "close": close})
    for bars in (frame, frame.iloc[:250]):
        with pytest.raises(InputError, match="enough"):
            bz.MarketForecaster(asset=None, horizons=(1,)).backtest(bars, days[200])
    assert [isinstance(models, ShortMarketModels) for models in walked] == [False, True]


def test_sixty_bars_are_enough_and_what_a_part_lacks_is_said(quarters: pd.DataFrame) -> None:
    assert fewest_bars((1,)) == 60
    market = bz.MarketForecaster(asset=None, value="income", horizons=(1,), levels=LEVELS)
    market.fit(quarters.tail(60))
    assert list(market.parts_) == ["autoregression", "random walk"]
    (said,) = [note for note in market.notes_ if note.startswith("weighed means takes no part")]
    assert "needs 54 bars of each asset but 'income' has 4" in said


@pytest.mark.parametrize("bars", [60, 61, 77, 90, 131, 200])
def test_as_many_bars_as_are_named_are_enough(bars: int) -> None:
    longest = next(h for h in range(100, 0, -1) if fewest_bars((h,)) <= bars)
    random = np.random.default_rng(bars)
    time = pd.date_range("1990-01-31", periods=bars, freq="ME")
    frame = pd.DataFrame({"time": time, "close": 100 * np.exp(np.cumsum(random.normal(0, 0.02, bars)))})
    market = bz.MarketForecaster(asset=None, horizons=(longest,), levels=LEVELS).fit(frame)
    assert len(market.forecast()) == 1
    with pytest.raises(bz.InputError, match=f"of at most {longest} bars"):
        bz.MarketForecaster(asset=None, horizons=(longest + 1,), levels=LEVELS).fit(frame)


def test_a_series_that_stands_still_is_refused(quarters: pd.DataFrame) -> None:
    with pytest.raises(bz.InputError, match="Nothing moves in the 160 bars of 'asset'"):
        bz.MarketForecaster(asset=None, horizons=(1,)).fit(quarters[["time"]].assign(close=1.0))


def test_the_commands_take_quarters(
    quarters: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, model = tmp_path / "quarters.csv", tmp_path / "model"
    quarters.to_csv(file, index=False)
    asked = ("--value", "income", "--horizon", "1", "--horizon", "4")
    assert run("fit", "market", str(file), *asked, "--out", str(model)) == 0
    printed = capsys.readouterr().out
    assert "weighed means" in printed and "The large model" in printed
    assert run("forecast", str(model), "--out", str(tmp_path / "next.csv")) == 0
    assert list(pd.read_csv(tmp_path / "next.csv")["horizon"]) == [1, 4]
    words = ("backtest", str(file), *asked, "--first-origin", "1990-01-01", "--refit-every", "20")
    assert run(*words, "--report", str(tmp_path / "report.html")) == 0
    assert "fit" in capsys.readouterr().out
    assert run("fit", "market", str(file), *asked, "--alone", "--out", str(model)) == 2
