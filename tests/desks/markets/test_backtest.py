"""Walking a market forecaster forward: the past alone, in pieces, in two processes, and what it shows."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bezant.desks.markets import backtest, parts
from bezant.desks.markets.backtest import MarketBacktest, walk_market
from bezant.desks.markets.forecaster import MarketForecaster
from bezant.desks.markets.parts import MarketModels
from bezant.desks.markets.report import values_of_parts
from bezant.histories.market import Bars, read_bars
from bezant.traditional.markets import Ewma, Har, RollingQuantiles
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
    assert found.weights["large model"].tolist() == [[[1.0, 1.0]] * 2] * 2


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
        ({"first_origin": "soon"}, "first_origin is a time such as '2013-01-31'.*not 'soon'"),
        ({"first_origin": "NaT"}, "not 'NaT'"),
        ({"first_origin": "2001-03-01", "refit_every": 1000}, "No asset has 255 bars"),
    ],
)
def test_what_cannot_be_walked_is_refused(how: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        walked(**how)


def test_the_grid_of_fits_stays_where_an_asset_turns_old_within_a_block() -> None:
    table = drawn_bars(450).select(["asset", "time", "close"]).to_pandas()
    first, weekday = table["asset"] == "A", table["time"].dt.day_of_week < 5
    both = read_bars(table[(first & weekday) | (~first & (table.index >= len(table) - 315))])
    times = np.unique(both.time)
    found = walked(both, first_origin=times[-65], refit_every=10, horizons=(1, 5))
    rows = found.forecast.rows
    grid = times[-65:]
    assert len(np.unique(both.owner[rows])) == 2
    for k, span in enumerate(both.spans()):
        fit = grid[np.searchsorted(grid, both.time[span][both.time[span] >= grid[0]]) // 10 * 10]
        old = np.searchsorted(both.time[span], fit, side="right") >= 255
        assert old.all() == (k == 0)  # the second turns old within the walk
        own = np.arange(span.start, span.stop)[both.time[span] >= grid[0]][old]
        np.testing.assert_array_equal(rows[both.owner[rows] == k], own)
    assert set(found.refits.tolist()) <= set(grid[::10].tolist())


def test_a_fit_answers_at_the_rows_that_it_was_asked() -> None:
    fit = backtest._Fit(TIMES[-40], np.flatnonzero(BARS.time >= TIMES[-40])[::7], (1, 5), LEVELS)
    models = MarketModels(size="tiny", window=32, training=TrainingConfig(max_epochs=1), combine=False)
    alone = fit.make(models, BARS).forecasts["random walk"]
    near = backtest.RIVALS["random walk"]().fit(BARS.until(TIMES[-40]), horizons=(1, 5), levels=LEVELS)
    np.testing.assert_array_equal(alone.quantiles, near.forecast(BARS, fit.rows).quantiles)
    young = dataclasses.replace(fit, time=TIMES[200])
    with pytest.raises((AssertionError, InputError)):
        young.make(models, BARS)  # no asset is old enough then: it would answer for other rows


def test_files_of_another_backtest_are_refused_without_its_description(
    whole: tuple[MarketBacktest, Path], tmp_path: Path
) -> None:
    shutil.copytree(whole[1], tmp_path / "kept")
    (tmp_path / "kept" / "backtest.json").unlink()
    with pytest.raises(InputError, match="other bars or with other settings"):
        walked(folder=tmp_path / "kept", levels=(0.01, 0.05, 0.4, 0.95, 0.99))
    (tmp_path / "kept" / "backtest.json").unlink()
    (tmp_path / "kept" / "fit-0001.npz").replace(tmp_path / "kept" / "fit-0000.npz")
    with pytest.raises(InputError, match="other bars or with other settings"):
        walked(folder=tmp_path / "kept")


def test_a_torn_file_is_fitted_again(whole: tuple[MarketBacktest, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(whole[1], tmp_path / "kept")
    torn = folder / "fit-0001.npz"
    torn.write_bytes(torn.read_bytes()[:500])
    same(walked(folder=folder), whole[0])
    assert torn.stat().st_size > 500


def test_the_description_names_the_version_the_parts_and_the_rivals(
    whole: tuple[MarketBacktest, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = json.loads((whole[1] / "backtest.json").read_text(encoding="utf-8"))
    assert said["version"] and said["parts"]["large model"] == 10.0 and "GARCH-t" in said["rivals"]
    monkeypatch.setitem(parts.PRIOR, "large model", 5.0)
    with pytest.raises(InputError, match="other settings"):
        walked(folder=shutil.copytree(whole[1], tmp_path / "kept"))


def test_notes_of_every_fit_are_kept_with_its_day(whole: tuple[MarketBacktest, Path]) -> None:
    trained = [note for note in whole[0].notes if "Trained on" in note]
    days = [str(time.astype("datetime64[D]")) for time in whole[0].refits]
    assert [note.split(":")[0] for note in trained] == [f"Fit of {day}" for day in days]


def test_the_weights_of_a_backtest_give_its_own_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    simple = {"EWMA": Ewma, "past": RollingQuantiles}
    monkeypatch.setattr("bezant.desks.markets.parts.TRADITIONAL", simple)
    models = MarketModels(size="tiny", window=32, training=TrainingConfig(max_epochs=1))
    found = walk_market(models, BARS, FIRST, 40, horizons=(1, 5), levels=LEVELS)
    parts = ["large model", "EWMA", "past"]
    assert found.weights["EWMA"].shape == (1, 2, 2)
    mixed = sum(found.weights[n][0, :, 0] * found.forecasts[n].variance for n in parts)
    np.testing.assert_allclose(mixed, found.forecast.variance, rtol=1e-9)
    assert np.ptp([found.weights[n][0, :, 0] for n in parts], axis=1).max() > 1e-4  # horizons differ
    assert [v.name for v in values_of_parts(found)] == parts


def test_a_young_asset_leaves_the_traditional_parts_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bezant.desks.markets.parts.TRADITIONAL", {"gamma-HAR": Har})
    bars = BARS.take(np.flatnonzero((BARS.owner == 0) | (BARS.time > TIMES[-120])))
    models = MarketModels(size="tiny", window=32, training=TrainingConfig(max_epochs=1))
    models.fit(bars, horizons=(1, 5), levels=LEVELS)
    assert list(models.models_) == ["large model", "gamma-HAR"]
    assert any("1 of 2 assets are too young" in n and n.endswith("B.") for n in models.notes_)
    rows = np.array([len(bars) - 1, bars.offsets[1] - 1, bars.offsets[1] - 9])
    _, parts = models.answers(bars, rows)
    old = bars.only("A")
    alone = Har().fit(old, horizons=(1, 5), levels=LEVELS).forecast(old, rows[1:])
    np.testing.assert_allclose(parts["gamma-HAR"].variance[1:], alone.variance)
    np.testing.assert_array_equal(parts["gamma-HAR"].variance[0], parts["large model"].variance[0])
    again = MarketModels(size="tiny", window=32).read(models.tensors(), models.document(), bars)
    np.testing.assert_allclose(again.forecast(bars, rows).variance, models.forecast(bars, rows).variance)


def test_directions_foreseen_too_well_are_said(whole: tuple[MarketBacktest, Path]) -> None:
    found = whole[0].forecast
    assert whole[0].leaks() == ()
    knows = np.tile((np.nan_to_num(BARS.ahead(1)[found.rows]) > 0)[:, None].astype(float), (1, 2))
    seer = {name: dataclasses.replace(f, up=knows) for name, f in whole[0].forecasts.items()}
    assert "probably a leak" in dataclasses.replace(whole[0], forecasts=seer).leaks()[0]


@pytest.mark.parametrize("levels", [(0.1, 0.5, 0.9), (0.05, 0.5, 0.9)])
def test_levels_without_the_ends_of_the_band_are_refused(levels: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match=r"levels lack .*0\.95, an end of the 90 % band"):
        MarketForecaster(levels=levels).backtest(BARS, FIRST)
