"""Walking a market forecaster forward: the past alone, in pieces, in two processes, and what it shows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bezant.desks.markets import backtest
from bezant.desks.markets.backtest import MarketBacktest, walk_market
from bezant.desks.markets.parts import MarketModels
from bezant.histories.market import Bars, read_bars
from bezant.training.config import TrainingConfig
from bezant.types import InputError
from market_support import drawn_bars

BARS = read_bars(drawn_bars(420).select(["asset", "time", "close"]))
TIMES = np.unique(BARS.time)
LEVELS = (0.01, 0.05, 0.5, 0.95, 0.99)
FIRST = TIMES[-40]


def walked(bars: Bars = BARS, **how: Any) -> MarketBacktest:
    models = MarketModels(size="tiny", window=32, training=TrainingConfig(max_epochs=1), combine=False)
    given = {"first_origin": FIRST, "refit_every": 20, "horizons": (1, 5), "levels": LEVELS}
    return walk_market(models, bars, **(given | how))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[MarketBacktest, Path]:
    folder = tmp_path_factory.mktemp("backtest") / "kept"
    return walked(folder=folder), folder


def same(one: MarketBacktest, other: MarketBacktest) -> None:
    assert list(one.forecasts) == list(other.forecasts)
    for name, found in one.forecasts.items():
        np.testing.assert_array_equal(found.rows, other.forecasts[name].rows)
        np.testing.assert_allclose(found.quantiles, other.forecasts[name].quantiles, rtol=1e-6)
        np.testing.assert_allclose(found.variance, other.forecasts[name].variance, rtol=1e-6)
    assert one.notes == other.notes


def test_every_origin_is_asked_once_of_every_model(whole: tuple[MarketBacktest, Path]) -> None:
    found, _ = whole
    assert list(found.forecasts)[:2] == ["forecaster", "large model"]
    assert {"random walk", "GARCH-t"} <= set(found.forecasts)
    np.testing.assert_array_equal(found.forecast.rows, np.flatnonzero(BARS.time >= FIRST))
    assert found.refits.tolist() == TIMES[[-40, -20]].tolist()
    assert found.weights["large model"].tolist() == [[1.0, 1.0]] * 2


def test_garbage_after_an_origin_moves_nothing_before_it(whole: tuple[MarketBacktest, Path]) -> None:
    after = TIMES[-15]
    price = np.random.default_rng(0).uniform(1, 1e4, len(BARS))
    wrong = dataclasses.replace(BARS, close=np.where(BARS.time > after, price, BARS.close))
    found, moved = whole[0], walked(wrong)
    before = BARS.time[found.forecast.rows] <= after
    for name in found.forecasts:
        one, other = found.forecasts[name].quantiles, moved.forecasts[name].quantiles
        np.testing.assert_allclose(other[before], one[before], rtol=1e-9)
        assert (other[~before] != one[~before]).any()  # garbage would be noticed


def test_a_stopped_backtest_goes_on_where_it_was(
    whole: tuple[MarketBacktest, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, fits = backtest._Fit.make, []

    def stopped(self: Any, *given: Any) -> Any:
        if len(fits) == 1:
            raise KeyboardInterrupt
        fits.append(self.time)
        return made(self, *given)

    monkeypatch.setattr(backtest._Fit, "make", stopped)
    with pytest.raises(KeyboardInterrupt):
        walked(folder=tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["backtest.json", "fit-0000.npz"]
    again: list[Any] = []
    monkeypatch.setattr(
        backtest._Fit, "make", lambda self, *given: (again.append(self.time), made(self, *given))[1]
    )
    same(walked(folder=tmp_path), whole[0])
    assert again == [TIMES[-20]]


def test_what_was_kept_is_read_back_without_fitting(
    whole: tuple[MarketBacktest, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtest._Fit, "make", None)
    same(walked(folder=whole[1]), whole[0])
    with pytest.raises(InputError, match="other bars or with other settings"):
        walked(folder=whole[1], refit_every=10)
    with pytest.raises(InputError, match="other bars or with other settings"):
        walked(BARS.only("A"), folder=whole[1])


@pytest.mark.slow
def test_two_processes_give_what_one_gives(whole: tuple[MarketBacktest, Path]) -> None:
    same(walked(processes=2), whole[0])


def test_young_assets_are_left_out_and_named() -> None:
    young = BARS.take(np.flatnonzero((BARS.owner == 0) | (BARS.time > TIMES[200])))
    found = walked(young)
    assert set(young.owner[found.forecast.rows]) == {0}
    assert "40 of 80 origins are left out" in found.notes[0] and found.notes[0].endswith("B.")


def test_it_is_scored_and_surprise_is_of_one_asset(whole: tuple[MarketBacktest, Path]) -> None:
    found = whole[0]
    assert found.scores.large == "forecaster"
    assert set(found.scores.by_asset[1].labels) == {"A", "B", "all"}
    signal = found.surprise("B")
    assert len(signal.time) == 39 and signal.time[-1] == TIMES[-1]
    with pytest.raises(InputError, match="'C'"):
        found.surprise("C")


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"refit_every": 0}, "refits every 1 time or more"),
        ({"first_origin": "1999-01-01"}, "0 to learn from"),
        ({"first_origin": "2001-03-01", "refit_every": 1000}, "No asset has 255 bars"),
    ],
)
def test_what_cannot_be_walked_is_refused(how: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        walked(**how)
