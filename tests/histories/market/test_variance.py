"""Measures of variance: by hand, by simulation of a known one, and missing where a bar has no range."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from bezant.histories.market import (
    best_variance,
    coarser,
    garman_klass,
    overnight,
    parkinson,
    read_bars,
    rogers_satchell,
    squared_returns,
)
from bezant.types import InputError

DAY = {
    "asset": ["A"],
    "time": ["2020-01-01"],
    "open": [100.0],
    "high": [104.0],
    "low": [98.0],
    "close": [103.0],
}


def test_the_measures_of_a_bar_are_those_computed_by_hand():
    bars = read_bars(DAY)
    high, low, close = math.log(1.04), math.log(0.98), math.log(1.03)
    assert parkinson(bars)[0] == pytest.approx((high - low) ** 2 / 2.772588722239781)
    assert garman_klass(bars)[0] == pytest.approx(0.5 * (high - low) ** 2 - 0.3862943611198906 * close**2)
    assert rogers_satchell(bars)[0] == pytest.approx(high * (high - close) + low * (low - close))


def test_all_measures_find_the_variance_of_a_random_walk_seen_often():
    """Ranges of a walk of 2,000 steps a day lie a little below those of a continuous one."""
    random = np.random.default_rng(0)
    path = np.cumsum(random.normal(0, 0.01 / math.sqrt(2000), (3000, 2000)), axis=1)
    path = np.concatenate([np.zeros((3000, 1)), path], axis=1)
    time = np.datetime64("2000-01-01") + np.arange(3000)
    columns = {"open": path[:, 0], "high": path.max(1), "low": path.min(1), "close": path[:, -1]}
    table = {name: np.exp(values) for name, values in columns.items()} | {"time": time}
    bars = read_bars(table, asset=None)
    for measure in (parkinson, garman_klass, rogers_satchell):
        assert measure(bars).mean() == pytest.approx(1e-4, rel=0.06)
    efficiency = 2e-8 / np.var(garman_klass(bars))  # a squared normal change has twice the variance squared
    assert 6.9 < efficiency < 8.4  # 7.4 in the paper


def test_the_gap_overnight_and_the_day_add_up_to_the_return(bars):
    day = np.log(bars.close / bars.open)
    assert np.allclose((overnight(bars) + day)[1:], bars.returns[1:], equal_nan=True)


def test_the_sharpest_measure_is_chosen_bar_by_bar(bars):
    assert (best_variance(bars) == garman_klass(bars)).all()
    gap = dataclasses.replace(bars, high=np.where(np.arange(len(bars)) == 7, np.nan, bars.high))
    chosen = best_variance(gap)
    assert chosen[7] == squared_returns(bars)[7]
    assert (np.delete(chosen, 7) == np.delete(garman_klass(bars), 7)).all()
    weekly = coarser(bars, "week")
    assert (best_variance(weekly) == weekly.covariates["realised_variance"])[1:60].all()


def test_closes_alone_have_no_range(table):
    closes = read_bars(table.select(["asset", "time", "close"]))
    with pytest.raises(InputError, match="760 bars have no open, high and low"):
        garman_klass(closes)
    assert np.allclose(best_variance(closes), closes.returns**2, equal_nan=True)


def test_the_real_index_has_ranges_below_its_returns_as_its_notes_say(sp500):
    assert 0.5 < garman_klass(sp500).mean() / np.nanmean(squared_returns(sp500)) < 0.67
    assert (garman_klass(sp500) > 0).all()
