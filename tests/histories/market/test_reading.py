"""Any table becomes bars: texts, zones, several values, disorder; what is wrong is one sentence."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest

from bezant.histories.market import read_bars, with_covariates
from bezant.types import InputError
from market_support import cached, drawn_bars


def small(**columns):
    """Three bars of one asset, with columns replaced."""
    base = {
        "asset": ["A"] * 3,
        "time": ["2020-01-01", "2020-01-02", "2020-01-03"],
        "open": [10.0, 11.0, 12.0],
        "high": [12.0, 12.5, 13.0],
        "low": [9.0, 10.0, 11.0],
        "close": [11.0, 12.0, 11.5],
    }
    return {name: values for name, values in (base | columns).items() if values is not None}


@pytest.mark.parametrize("kind", ["arrow", "pandas", "polars", "csv"])
def test_every_kind_of_table_gives_the_same_bars(kind, tmp_path):
    table = drawn_bars(60)
    if kind == "csv":
        pyarrow.csv.write_csv(table, tmp_path / "bars.csv")
    source = {
        "arrow": lambda: table,
        "pandas": table.to_pandas,
        "polars": lambda: pl.from_arrow(table),
        "csv": lambda: tmp_path / "bars.csv",
    }[kind]()
    bars, expected = read_bars(source), read_bars(table)
    assert bars.assets.tolist() == ["A", "B"]
    assert (bars.time == expected.time).all()
    for name in ("open", "high", "low", "close", "volume"):
        assert np.allclose(getattr(bars, name), getattr(expected, name), rtol=1e-12)


def test_rows_out_of_order_are_sorted_and_that_is_said():
    table = drawn_bars(60)
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    bars = read_bars(shuffled).only("A")
    assert (bars.close == read_bars(table).only("A").close).all()
    assert any("rows were sorted by time" in note for note in bars.notes)
    assert not any("sorted" in note for note in read_bars(table).notes)


def test_rows_without_a_price_are_left_out_and_counted():
    bars = read_bars(small(close=[11.0, None, 11.5]))
    assert len(bars) == 2
    assert bars.notes == ("1 of 3 rows has no number in 'close': left out.",)


@pytest.mark.parametrize("name", ["close", "high", "volume"])
@pytest.mark.parametrize("text", [False, True])
def test_an_infinite_value_of_a_bar_is_a_missing_one_and_that_is_said(name, text):
    given = small(volume=[1.0, 2.0, 3.0])
    infinite = given | {name: [given[name][0], np.inf, given[name][2]]}
    if text:
        infinite |= {name: [str(v) for v in infinite[name]]}
    bars = read_bars(infinite)
    missing = read_bars(given | {name: [given[name][0], None, given[name][2]]})
    for part in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(getattr(bars, part), getattr(missing, part))
    said = f"Column {name!r}: 1 of 3 rows is infinite and counts as missing."
    assert bars.notes == (() if text else (said,)) + missing.notes


def test_several_values_of_a_wide_table_become_assets():
    wide = {"time": ["2020-03-31", "2020-06-30"], "aaa": [5.0, 5.5], "baa": [7.0, -1.0]}
    bars = read_bars(wide, asset=None, value=["aaa", "baa"], change="difference")
    assert bars.assets.tolist() == ["aaa", "baa"]
    assert bars.returns[[1, 3]].tolist() == [0.5, -8.0]
    assert not bars.has_ranges
    assert read_bars(wide, asset=None, value="aaa").assets.tolist() == ["aaa"]


def test_open_and_close_widen_low_and_high_and_that_is_said():
    bars = read_bars(small(close=[11.0, 12.6, 11.5]))
    assert bars.high.tolist() == [12.0, 12.6, 13.0]
    assert any("1 of 3 bars open or close outside" in note for note in bars.notes)


def test_a_part_of_a_range_is_none():
    bars = read_bars(small(open=None))
    assert not bars.has_ranges
    assert "high and low alone make no range and are left aside." in bars.notes
    gap = read_bars(small(open=[10.0, None, 12.0]))
    assert np.isnan(gap.high).tolist() == [False, True, False]


def test_times_with_a_zone_become_utc():
    zoned = pd.DataFrame(small()).assign(
        time=pd.date_range("2020-01-01 22:00", periods=3, tz="America/New_York")
    )
    assert read_bars(zoned).time[0] == np.datetime64("2020-01-02T03:00")


def test_other_names_are_taken_when_given():
    table = pa.table(small()).rename_columns(["Ticker", "Day", "O", "H", "L", "Last"])
    names = {"open": "O", "high": "H", "low": "L", "close": "Last"}
    bars = read_bars(table, asset="Ticker", time="Day", names=names)
    assert bars.has_ranges and bars.close.tolist() == [11.0, 12.0, 11.5]


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"high": [8.0, 12.5, 13.0]}, r"high lies below the low in 1 of 3 bars, such as 'A' at 2020-01-01"),
        (
            {"close": [11.0, 0.0, 11.5]},
            r"'close' is not positive in 1 of 3 bars, such as 0 of 'A'.*difference",
        ),
        ({"low": [9.0, -1.0, 11.0]}, "'low' is not positive in 1 of 3"),
        (
            {"time": ["2020-01-01"] * 3},
            r"2 of 3 rows repeat a time of their asset, such as 'A' at 2020-01-01",
        ),
        ({"asset": None}, "'asset'.*asset=None"),
        ({"close": None}, "'close'"),
        ({"close": ["a", "b", "c"]}, "'close' of 3 rows holds .* instead of numbers"),
        ({"time": [1, 2, 3]}, "'time' of 3 rows holds int64 instead of times"),
        ({"time": [None, "2020-01-02", "2020-01-03"]}, "'time' is missing in 1 of 3"),
        ({"asset": ["A", None, "A"]}, "'asset' is missing in 1 of 3"),
        ({"asset": pd.Categorical(["A", "", "A"])}, "'asset' is missing in 1 of 3"),
        ({"close": pa.array([None] * 3, pa.float64())}, "0 bars with a price"),
        ({"adjusted_close": [1.0, None, 1.0]}, "adjusted close is missing or not positive in 1 of 3"),
    ],
)
def test_unsound_bars_are_one_sentence(columns, match):
    with pytest.raises(InputError, match=match) as caught:
        read_bars(small(**columns))
    assert "\n" not in str(caught.value)
    assert str(caught.value).count(". ") == 0


def test_bars_as_feeds_name_them_are_read():
    table = small(adjusted=[5.5, 6.0, 11.5])
    feed = {name.capitalize(): values for name, values in table.items() if name != "asset"}
    feed = {"Date" if name == "Time" else name: values for name, values in feed.items()}
    feed["Adj Close"] = feed.pop("Adjusted")
    found, expected = read_bars(feed, asset=None), read_bars(table, adjusted="adjusted", asset=None)
    for name in ("open", "high", "low", "close", "factor", "time"):
        assert (getattr(found, name) == getattr(expected, name)).all()
    with pytest.raises(InputError, match="There is no column 'time'"):  # two that it might be
        read_bars(feed | {"Timestamp": feed["Date"]}, asset=None)
    beside = {"DATE": ["2019-12-31", "2020-01-02"], "vix": [20.0, 30.0]}
    joined = with_covariates(found, beside, columns=("vix",), lag=timedelta(0))
    np.testing.assert_array_equal(joined.covariates["vix"], [20.0, 30.0, 30.0])
    both = read_bars(table | {"Close": [1.0, 2.0, 3.0]})  # the name as it stands comes first
    assert (both.close == read_bars(table).close).all()


def test_an_unknown_part_of_a_bar_is_refused():
    with pytest.raises(InputError, match="A bar has no 'last'"):
        read_bars(small(), names={"last": "close"})


def test_the_real_series_are_read_with_what_their_notes_promise():
    assert "290 of 8611 rows have no number" in read_bars(cached("wti")).notes[0]
    stocks = read_bars(cached("us-stocks-20"))
    assert (len(stocks.assets), len(stocks)) == (20, 166_260)
    macro = read_bars(cached("us-macro"), asset=None, value=["tbilrate", "unemp"], change="difference")
    assert len(macro) == 406
