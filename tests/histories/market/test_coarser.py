"""Longer bars, against a loop over periods."""

from __future__ import annotations

import numpy as np
import pytest

from bezant.histories.market import coarser, read_bars
from bezant.types import InputError

MINUTES = {
    "time": np.array(
        ["2020-01-01T10", "2020-01-01T11", "2020-01-01T12", "2020-01-02T10", "2020-01-02T11"],
        "datetime64[us]",
    ),
    "close": [100.0, 102.0, 101.0, 105.0, 104.0],
}


def test_realised_variance_is_the_sum_of_squares_within_the_day():
    hours = read_bars(MINUTES, asset=None)
    log = np.log(MINUTES["close"])
    within = [(log[1] - log[0]) ** 2 + (log[2] - log[1]) ** 2, (log[4] - log[3]) ** 2]
    inside = coarser(hours, "day", overnight=False)
    assert np.allclose(inside.covariates["realised_variance"], within)
    closed = coarser(hours, "day")
    assert np.allclose(
        closed.covariates["realised_variance"], [within[0], within[1] + (log[3] - log[2]) ** 2]
    )
    assert closed.time.tolist() == hours.time[[2, 4]].tolist()
    assert np.nansum(closed.returns) == pytest.approx(log[4] - log[2])


@pytest.mark.parametrize("every", ["week", "month", "quarter"])
def test_longer_bars_are_those_of_a_loop_over_periods(bars, every):
    long = coarser(bars, every)
    code = {"week": "W", "month": "M", "quarter": "Q"}[every]
    frame = bars_frame(bars)
    grouped = frame.groupby(["asset", frame["time"].dt.to_period(code)], sort=False)
    assert long.open.tolist() == grouped["open"].first().tolist()
    assert long.high.tolist() == grouped["high"].max().tolist()
    assert long.low.tolist() == grouped["low"].min().tolist()
    assert long.close.tolist() == grouped["close"].last().tolist()
    assert np.allclose(long.volume, grouped["volume"].sum())
    assert np.allclose(long.covariates["realised_variance"], grouped["squared"].sum())


def bars_frame(bars):
    import pandas as pd

    columns = {name: getattr(bars, name) for name in ("time", "open", "high", "low", "close", "volume")}
    return pd.DataFrame(columns | {"asset": bars.assets[bars.owner], "squared": bars.returns**2})


def test_prices_within_a_period_are_those_of_its_last_share(table):
    halved = {name: table[name].to_numpy().copy() for name in table.column_names}
    later = halved["time"] > np.datetime64("2001-06-13")
    for name in ("open", "high", "low", "close"):
        halved[name] = np.where(later, halved[name] / 2, halved[name])
    split = read_bars(halved | {"adjusted_close": table["close"].to_numpy() / 2})
    plain = read_bars(table)
    one, other = coarser(split, "month"), coarser(plain, "month")
    scale = one.close / other.close
    assert np.allclose(one.returns, other.returns, equal_nan=True)
    for name in ("open", "high", "low"):
        assert np.allclose(getattr(one, name), getattr(other, name) * scale)


def test_finer_realised_variance_is_added_up_and_an_unknown_period_is_refused(bars):
    weekly, monthly = coarser(coarser(bars, "day"), "month"), coarser(bars, "month")
    assert np.allclose(*(b.covariates["realised_variance"] for b in (weekly, monthly)))
    with pytest.raises(InputError, match="not of 'year'"):
        coarser(bars, "year")


def test_a_close_at_midnight_ends_the_day_before_where_bars_are_within_the_day():
    hours = np.arange("2020-01-31T01", "2020-02-03T01", dtype="datetime64[h]")  # closes 01:00 to 00:00
    days = np.arange("2020-01-31", "2020-02-03", dtype="datetime64[D]")
    bars = read_bars(
        {
            "asset": ["hourly"] * 72 + ["daily"] * 3,
            "time": np.concatenate([hours.astype("datetime64[us]"), days.astype("datetime64[us]")]),
            "close": np.linspace(100, 120, 75),
        }
    )
    daily = coarser(bars, "day")
    hourly = daily.only("hourly")
    assert hourly.time.tolist() == hours[23::24].astype("datetime64[us]").tolist()
    assert daily.only("daily").time.tolist() == bars.only("daily").time.tolist()
    months = coarser(bars, "month")
    assert months.only("hourly").time[0] == np.datetime64("2020-02-01T00")
    assert months.only("daily").time[0] == np.datetime64("2020-01-31")
