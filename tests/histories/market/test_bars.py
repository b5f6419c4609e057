"""The container: rows by asset and time, cut, taken, appended, and refused where they are unsound."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bezant.histories.market import Bars, read_bars
from bezant.types import InputError
from market_support import drawn_bars


def same(one: Bars, other: Bars) -> bool:
    """Whether two containers hold the same values."""
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(Bars)]
    arrays = [(a, b) for a, b in pairs if isinstance(a, np.ndarray)]
    return all(a.shape == b.shape and (a == b).all() for a, b in arrays)


def test_returns_are_changes_of_logarithms_within_an_asset_and_never_across(bars):
    for name, span in zip(bars.assets, bars.spans(), strict=True):
        own = bars.only(name)
        assert np.isnan(own.returns[0])
        expected = [np.log(b / a) for a, b in zip(own.close, own.close[1:], strict=False)]
        assert np.allclose(bars.returns[span][1:], expected)


def test_what_lies_ahead_is_the_sum_of_the_next_returns(bars):
    for horizon in (1, 5):
        ahead = bars.ahead(horizon)
        for span in bars.spans():
            close = bars.close[span]
            assert np.allclose(ahead[span][:-horizon], np.log(close[horizon:] / close[:-horizon]))
            assert np.isnan(ahead[span][-horizon:]).all()
    assert np.isnan(bars.only("B").take(np.arange(3)).ahead(5)).all()


def test_adjusted_prices_make_the_returns_and_raw_ones_the_levels():
    table = {
        "time": np.arange(3).astype("datetime64[D]"),
        "close": [10.0, 20.0, 11.0],
        "adj": [5.0, 10.0, 11.0],
    }
    bars = read_bars(table, asset=None, adjusted="adj")
    assert np.allclose(bars.returns[1:], [np.log(2), np.log(1.1)])
    assert bars.close.tolist() == [10.0, 20.0, 11.0]


def test_bars_until_a_time_and_appended_again_are_the_whole(bars):
    for day in (60, 200):
        time = bars.time[0] + np.timedelta64(day, "D")
        early, late = bars.until(time), bars.take(np.flatnonzero(bars.time > time))
        assert early.time.max() <= time
        assert same(early.append(late), bars)


def test_an_asset_that_is_new_comes_last(table):
    early = read_bars(table).only("B")
    assert same(early.append(read_bars(table).only("A")).only("A"), read_bars(table).only("A"))
    assert early.append(read_bars(table).only("A")).assets.tolist() == ["B", "A"]


def test_the_tail_of_each_asset_has_its_last_bars(bars):
    tail = bars.tail(5)
    assert [len(range(*s.indices(len(tail)))) for s in tail.spans()] == [5, 5]
    assert tail.close[:5].tolist() == bars.only("A").close[-5:].tolist()
    assert same(bars.tail(10_000), bars)


def test_bars_that_are_not_later_are_not_appended(bars):
    with pytest.raises(InputError, match=r"5 of 5 bars to append are not later .*'A' at 2002-01-31"):
        bars.append(bars.only("A").tail(5))
    with pytest.raises(InputError, match="Column 'volume' stands in one part"):
        bars.append(dataclasses.replace(bars.only("A").tail(5), volume=None))
    with pytest.raises(InputError, match="read both the same way"):
        bars.append(dataclasses.replace(bars.only("A").tail(5), covariates={"vix": np.ones(5)}))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"close": np.ones(3)}, r"'close' has the shape \(3,\)"),
        ({"open": None}, "come together"),
        ({"offsets": np.array([0, 3, 5])}, "do not divide"),
        ({"change": "percent"}, "'log' or 'difference', not 'percent'"),
        ({"covariates": {"vix": np.ones(2)}}, "'vix' has the shape"),
    ],
)
def test_what_does_not_fit_is_refused(bars, changes, match):
    with pytest.raises(InputError, match=match):
        dataclasses.replace(bars, **changes)


def test_times_that_do_not_rise_are_refused(bars):
    time = bars.time.copy()
    time[3] = time[2]
    with pytest.raises(InputError, match="do not rise in 1 of 760 bars"):
        dataclasses.replace(bars, time=time)


def test_an_unknown_asset_and_an_empty_choice_are_said(bars):
    with pytest.raises(InputError, match="asset 'C' among 2"):
        bars.only("C")
    with pytest.raises(InputError, match="None of the 760 bars is left"):
        bars.until(np.datetime64("1990-01-01"))


def test_covariates_and_arrays_stay_as_they_are(bars):
    with pytest.raises(TypeError):
        bars.covariates["x"] = np.ones(len(bars))
    before = drawn_bars()["close"].to_numpy()
    bars.returns, bars.ahead(5), bars.tail(3)
    assert (bars.close == before).all()
