"""Features are of the past alone: garbage ahead moves none, the tail of a history gives the same as all of "
"it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant.histories.market import (
    Features,
    garman_klass,
    latest_features,
    market_features,
    read_bars,
    rolling_mean,
)
from bezant.types import InputError
from market_support import drawn_bars

BARS = read_bars(drawn_bars(600))
FEATURES = market_features(BARS)


def test_there_is_a_column_for_every_name_and_no_two_are_the_same():
    assert FEATURES.values.dtype == np.float32
    assert FEATURES.values.shape == (len(BARS), len(FEATURES.names))
    assert len(set(FEATURES.names)) == len(FEATURES.names)
    known = FEATURES.values[FEATURES.known]
    assert len(known) > 0.9 * len(BARS)
    assert (known.std(axis=0)[[n != "days" for n in FEATURES.names]] > 0).all()
    correlation = np.corrcoef(known[:, [n != "days" for n in FEATURES.names]].T)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.9999


@settings(max_examples=15)
@given(st.integers(1, 598), st.floats(1e-3, 1e3), st.integers(0, 99))
def test_garbage_ahead_moves_no_feature(day, size, seed):
    time = BARS.time[0] + np.timedelta64(day, "D")
    later = BARS.time > time
    random = np.random.default_rng(seed)
    price = size * np.exp(random.normal(0, 3, len(BARS)))
    wrong = dataclasses.replace(
        BARS,
        **{n: np.where(later, price, getattr(BARS, n)) for n in ("open", "high", "low", "close", "volume")},
    )
    found = market_features(wrong)
    assert np.array_equal(found.values[~later], FEATURES.values[~later], equal_nan=True)
    assert np.array_equal(found.scale[~later], FEATURES.scale[~later], equal_nan=True)


@settings(max_examples=15)
@given(st.integers(5, 590), st.integers(1, 9))
def test_features_of_appended_bars_equal_those_of_the_whole(day, count):
    time = BARS.time[0] + np.timedelta64(day, "D")
    early = BARS.until(time)
    step = BARS.take(np.flatnonzero((BARS.time > time) & (BARS.time <= time + np.timedelta64(count, "D"))))
    grown = early.append(step)
    whole, tail = market_features(grown), latest_features(grown, count)
    rows = np.arange(len(grown)) >= grown.offsets[1:][grown.owner] - count
    assert tail.names == whole.names
    assert np.allclose(tail.values, whole.values[rows], rtol=1e-4, atol=1e-5, equal_nan=True)
    assert np.allclose(tail.scale, whole.scale[rows], rtol=1e-5, equal_nan=True)


def test_the_scale_is_the_weighted_volatility_of_a_loop():
    own = BARS.only("B")
    changes = own.returns[1:101]
    weights = 0.94 ** np.arange(100)[::-1]
    expected = np.sqrt(np.sum(weights * changes**2) / weights.sum())
    assert FEATURES.scale[BARS.offsets[1] + 100] == pytest.approx(expected, rel=1e-6)


def test_features_of_variance_and_moves_are_those_of_a_loop():
    own = BARS.only("A")
    row, names = 400, FEATURES.names.index
    week = np.mean(own.returns[row - 4 : row + 1]) * np.sqrt(5)
    scale = float(FEATURES.scale[row])
    assert FEATURES.values[row, names("move_5")] == pytest.approx(week / scale, rel=1e-5)
    unit = np.sqrt(garman_klass(own)[row - 65 : row + 1].mean())
    falls = np.minimum(own.returns[row - 4 : row + 1], 0).mean() * np.sqrt(5)
    assert FEATURES.values[row, names("fall_5")] == pytest.approx(falls / unit, rel=1e-5)
    year = np.log(own.close[row] / own.close[row - 251 : row + 1].max()) / scale / np.sqrt(252)
    assert FEATURES.values[row, names("from_high")] == pytest.approx(year, rel=1e-5)


def test_a_price_level_leaves_features_where_they_are():
    dearer = dataclasses.replace(
        BARS, **{n: getattr(BARS, n) * 1000 for n in ("open", "high", "low", "close")}
    )
    found = market_features(dearer)
    assert np.allclose(found.values, FEATURES.values, rtol=1e-3, atol=1e-4, equal_nan=True)


def test_covariates_and_closes_alone_are_features_too():
    closes = read_bars(drawn_bars(100).select(["asset", "time", "close"]))
    closes = dataclasses.replace(closes, covariates={"vix": np.arange(len(closes)) * 1.0})
    found = market_features(closes)
    assert not {"place", "overnight", "volume"} & set(found.names)
    np.testing.assert_allclose(found.values[:, found.names.index("vix")], np.arcsinh(np.arange(len(closes))))
    assert np.isfinite(found.values[-1]).all()


def test_features_of_all_assets_are_those_of_a_loop_over_the_bars_of_a_time():
    found = dict(zip(FEATURES.names, FEATURES.values.T, strict=True))
    own = [BARS.only(name) for name in BARS.assets]
    row = 500
    time = own[0].time[row]
    years = [garman_klass(b)[b.time <= time][-252:].mean() for b in own]
    weeks = [garman_klass(b)[b.time <= time][-5:].mean() for b in own]
    moves = []
    for day in own[0].time[row - 4 : row + 1]:
        units = []
        for b in own:
            place = int(np.flatnonzero(b.time == day)[0])
            units.append(b.returns[place] / np.sqrt(garman_klass(b)[place - 251 : place + 1].mean()))
        moves.append(min(np.mean(units), 0.0))
    for k in np.flatnonzero(time == BARS.time):
        ratio = np.mean(np.divide(weeks, years))
        assert found["all_variance_5"][k] == pytest.approx(np.log(ratio), rel=1e-5)
        assert found["all_fall_5"][k] == pytest.approx(np.mean(moves) * np.sqrt(5), rel=1e-5)
        assert found["all_level"][k] == pytest.approx(np.mean(np.log(years)), rel=1e-5)


def test_five_weekdays_are_told_apart():
    waves = FEATURES.values[:, [n.startswith("weekday") for n in FEATURES.names]]
    days = BARS.time.astype("datetime64[D]").astype(int) % 7
    assert len(np.unique(np.round(waves, 5), axis=0)) == 7
    five = np.unique(np.column_stack([waves, days])[days < 5].round(5), axis=0)[:, :4]
    assert np.linalg.matrix_rank(np.column_stack([np.ones(5), five])) == 5


def test_a_rolling_mean_is_that_of_a_loop_and_skips_what_is_missing():
    values = np.random.default_rng(0).normal(size=50)
    values[[0, 20]] = np.nan
    for window in (1, 7, 30):
        for k, found in enumerate(rolling_mean(values, window)):
            part = values[max(k - window + 1, 0) : k + 1]
            part = part[np.isfinite(part)]
            enough = len(part) >= min(5, window)
            assert (np.isnan(found) and not enough) or found == pytest.approx(part.mean(), abs=1e-12)


def test_features_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="do not fit 3 bars and 1 names"):
        Features(("a",), np.zeros((2, 1), np.float32), np.zeros(3, np.float32))
