from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest


def _with_time(loans, times, mask=None):
    column = pa.array(times.astype("datetime64[us]"), mask=mask)
    return loans.set_column(loans.column_names.index("ApprovalDate"), "ApprovalDate", column)


@pytest.fixture
def days(loans):
    return np.sort(loans["ApprovalDate"].to_numpy())


def _codes(report):
    return {f.code: f for f in report.findings if f.code.startswith("time")}


def test_rows_in_order_without_gaps_make_no_finding(loans, days, checked):
    assert not _codes(checked(_with_time(loans, days)))


def test_rows_out_of_order_are_only_noted(loans, days, checked):
    finding = _codes(checked(_with_time(loans, days[::-1])))["time-not-in-order"]
    assert finding.severity == "note"
    assert finding.evidence["backward_rows"] == np.count_nonzero(np.diff(days) > np.timedelta64(0))


def test_missing_times_are_counted(loans, days, checked):
    mask = np.arange(len(days)) < 30
    assert "30 of 6,000 rows" in _codes(checked(_with_time(loans, days, mask)))["time-missing"].sentence


def test_times_after_today_are_counted(loans, days, checked):
    cut = days[-100].astype("datetime64[D]")
    today = date.fromisoformat(str(cut))
    finding = _codes(checked(_with_time(loans, days), today=today))["time-in-future"]
    assert finding.evidence["future_rows"] == np.count_nonzero(days.astype("datetime64[D]") > cut)


def test_a_gap_is_named_with_its_ends(loans, days, checked):
    low, high = np.datetime64("1996-03-01"), np.datetime64("1999-09-01")
    days = days.copy()
    days[(days > low) & (days < high)] = low
    finding = _codes(checked(_with_time(loans, days)))["time-gap"]
    assert "1996-03-01" in finding.sentence
    assert finding.evidence["days"] >= 1200


def test_one_stray_early_date_is_no_gap(loans, days, checked):
    days = days.copy()
    days[0] = np.datetime64("1950-01-01")
    assert "time-gap" not in _codes(checked(_with_time(loans, days)))


def test_the_same_time_everywhere_is_named(loans, days, checked):
    assert "time-constant" in _codes(checked(_with_time(loans, np.repeat(days[:1], len(days)))))


def test_times_may_be_given_beside_the_table(loans, y, days, checked):
    table = loans.drop_columns(["ApprovalDate"])
    assert "time-not-in-order" in _codes(checked(table, y, times=days[::-1]))
    assert not _codes(checked(table, y))
