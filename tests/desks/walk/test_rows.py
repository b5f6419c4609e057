"""Who may know which row when: years, outcome lags, windows, draws."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant.desks.walk.rows import Calendar, WalkRows
from bezant.types import InputError

MONTHS = np.arange("1990-01", "2000-01", dtype="datetime64[M]").astype("datetime64[us]")


def rows(calendar: Calendar, times: np.ndarray = MONTHS, seed: int = 0) -> WalkRows:
    table = pa.table({"time": times, "x": np.arange(len(times))})
    return WalkRows.of(table, np.arange(len(times)) % 2, "time", None, calendar, seed)


def months(found: WalkRows, part: np.ndarray) -> list[str]:
    return found.times[part].astype("datetime64[M]").astype(str).tolist()


def test_a_year_begins_where_the_calendar_says() -> None:
    assert months(rows(Calendar()), rows(Calendar()).judged(1995))[::11] == ["1995-01", "1995-12"]
    fiscal = rows(Calendar(year_begins=10))
    assert months(fiscal, fiscal.judged(1995))[::11] == ["1994-10", "1995-09"]


@given(
    year=st.integers(1993, 1999),
    begins=st.integers(1, 12),
    lag=st.integers(0, 24),
    window=st.none() | st.integers(1, 5),
    most=st.none() | st.integers(2, 60),
)
def test_no_row_teaches_before_its_outcome_is_known(
    year: int, begins: int, lag: int, window: int | None, most: int | None
) -> None:
    found = rows(Calendar(begins, lag, window, most))
    start = found.calendar.start(year)
    latest = start - np.timedelta64(lag, "M")
    for part in (found.to_fit(year), found.to_update(year), found.to_recalibrate(year)):
        assert (found.times[part].astype("datetime64[M]") < latest).all()
        assert most is None or len(part) <= most
        if window is not None:
            assert (found.times[part] >= latest - np.timedelta64(12 * window, "M")).all()
    assert (found.times[found.judged(year)] >= start).all()
    assert set(found.to_recalibrate(year)) <= set(found.fresh(year))
    assert len(found.fresh(year)) == 12 or latest - np.timedelta64(12, "M") < MONTHS[0]


def test_later_rows_change_no_earlier_draw() -> None:
    calendar = Calendar(most_rows=20)
    whole, part = rows(calendar), rows(calendar, MONTHS[:90])
    for year in (1995, 1996, 1997):
        np.testing.assert_array_equal(whole.to_fit(year), part.to_fit(year))
        np.testing.assert_array_equal(whole.to_update(year), part.to_update(year))


def test_half_of_an_update_is_new() -> None:
    found = rows(Calendar(most_rows=16))
    fresh = np.isin(found.to_update(1998), found.fresh(1998))
    assert fresh.sum() == 8 == (~fresh).sum()


def test_rows_in_any_order_are_the_same_walk() -> None:
    order = np.random.default_rng(0).permutation(len(MONTHS))
    table = pa.table({"time": MONTHS, "x": np.arange(len(MONTHS))})
    y = np.arange(len(MONTHS)) % 2
    mixed = WalkRows.of(table.take(order), y[order], "time", None, Calendar(), 0)
    assert mixed.table.equals(table)
    assert mixed.identity() == rows(Calendar()).identity()
    np.testing.assert_array_equal(mixed.events, y)


@pytest.mark.parametrize(
    "wrong", [{"year_begins": 0}, {"year_begins": 13}, {"outcome_lag": -1}, {"window": 0}, {"most_rows": 1}]
)
def test_a_calendar_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))} is a whole number from"):
        Calendar(**wrong)


def test_years_without_rows_and_unknown_columns_are_refused() -> None:
    with pytest.raises(InputError, match="No row is of the year 2000"):
        rows(Calendar()).refuse_empty(1998, 2001)
    with pytest.raises(InputError, match="No outcome is known before the year 1992"):
        rows(Calendar(outcome_lag=24)).refuse_empty(1992, 1993)
    with pytest.raises(InputError, match="'when'"):
        WalkRows.of(pa.table({"time": MONTHS}), np.arange(120) % 2, "when", None, Calendar(), 0)
    gap = pa.table({"time": pa.array([None, *MONTHS[1:].tolist()])})
    with pytest.raises(InputError, match="missing in 1 of 120 rows"):
        WalkRows.of(gap, np.arange(120) % 2, "time", None, Calendar(), 0)
