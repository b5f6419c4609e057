"""A split nobody adjusted for is named; a split that was, and a market that moves a lot, are not."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.histories.market import read_bars, suspected_splits
from market_support import cached


def closes(**columns):
    close = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, 60)))
    time = np.datetime64("2020-01-01") + np.arange(60)
    return {"time": time.astype("datetime64[us]"), "close": close} | columns


@pytest.mark.parametrize("ratio", [2.0, 7.0, 1.5, 0.1])
def test_a_split_is_found_and_said(ratio):
    table = closes()
    table["close"][40:] /= ratio
    bars = read_bars(table, asset=None)
    [(asset, time, found)] = suspected_splits(bars)
    assert (asset, time) == ("asset", np.datetime64("2020-02-10"))
    assert found == pytest.approx(1 / ratio, rel=0.05)
    said = bars.notes[0]
    assert said.startswith("1 move looks like a split that nobody adjusted for ('asset' by a factor of ")
    assert "at 2020-02-10), unless the price did move so" in said


def test_an_adjusted_split_is_none():
    table = closes()
    adjusted = table["close"].copy()
    table["close"][40:] /= 2
    assert not suspected_splits(read_bars(table | {"adjusted_close": adjusted / 2}, asset=None))


def test_differences_and_a_share_that_always_jumps_are_none():
    jumpy = closes(close=np.where(np.arange(60) % 2, 100.0, 50.0))
    assert not suspected_splits(read_bars(jumpy, asset=None))
    assert not suspected_splits(read_bars(jumpy, asset=None, change="difference"))


def test_indices_have_none_and_further_jumps_are_counted():
    assert not suspected_splits(read_bars(cached("sp500")))
    table = closes()
    for k in (25, 30, 35, 40, 45):
        table["close"][k:] /= 3
    notes = read_bars(table, asset=None).notes
    assert len(notes) == 1 and notes[0].startswith("5 moves look like splits")
    assert notes[0].count("by a factor of 0.33") == 3 and " and 2 more), unless" in notes[0]


@pytest.mark.parametrize(("opened", "found"), [(2.0, 1), (1.01, 0), (0.5, 0), (1.0, 1)])
def test_a_price_that_fell_within_the_day_was_not_split(opened, found):
    table = closes()
    table["close"][40:] /= 2
    table["open"] = np.append(table["close"][0], table["close"][:-1])
    table["open"][40] /= opened
    table["high"] = np.maximum(table["open"], table["close"])
    table["low"] = np.minimum(table["open"], table["close"])
    assert len(suspected_splits(read_bars(table, asset=None))) == found  # the last: a copy of the close
    del table["open"], table["high"], table["low"]
    assert len(suspected_splits(read_bars(table, asset=None))) == 1  # closes alone cannot tell
