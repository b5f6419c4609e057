import datetime as dt

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given, settings

from bezant.histories import join_as_of
from bezant.types import InputError

STAMP = pa.timestamp("us")


def _day(n):
    return dt.datetime(2004, 1, 1) + dt.timedelta(days=n)


def _left(rows):
    return pa.table({
        "time": pa.array([_day(d) for _, d in rows], STAMP),
        "land": pa.array([k for k, _ in rows], pa.string()),
    })  # fmt: skip


def _right(rows):
    return pa.table({
        "land": pa.array([r[0] for r in rows], pa.string()),
        "period": pa.array([_day(r[1]) for r in rows], STAMP),
        "out": pa.array([_day(r[1] + r[2]) for r in rows], STAMP),
        "rate": pa.array([r[3] for r in rows], pa.int64()),
    })  # fmt: skip


ROWS = st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 8)), max_size=10)
FIGURES = st.lists(
    st.tuples(st.sampled_from("xy"), st.integers(0, 8), st.integers(0, 4), st.integers(0, 99)), max_size=12
)


@settings(max_examples=20, deadline=None)
@given(rows=ROWS, figures=FIGURES, inclusive=st.booleans())
def test_each_row_gets_the_newest_period_in_its_latest_revision_that_was_out(rows, figures, inclusive):
    joined = join_as_of(_left(rows), _right(figures), time="time", by="land", published="out",
                        observed="period", inclusive=inclusive)  # fmt: skip
    expected = []
    for land, day in rows:
        known = [
            (period, period + delay, place, rate)
            for place, (key, period, delay, rate) in enumerate(figures)
            if key == land and (period + delay < day or (inclusive and period + delay == day))
        ]
        expected.append(max(known)[3] if known else None)
    assert joined["rate"].to_pylist() == expected
    assert joined.select(["time", "land"]).equals(_left(rows))


@settings(max_examples=15, deadline=None)
@given(rows=ROWS, figures=FIGURES, now=st.integers(0, 8))
def test_what_is_published_later_changes_nothing(rows, figures, now):
    rows = [r for r in rows if r[1] <= now]
    past = [f for f in figures if f[1] + f[2] <= now]
    whole, known = (
        join_as_of(_left(rows), _right(f), time="time", by="land", published="out", observed="period")
        for f in (figures, past)
    )
    assert whole.equals(known)


def test_a_lag_stands_for_the_publication_time():
    joined = join_as_of(_left([("x", 3), ("x", 4)]), _right([("x", 1, 0, 7)]).drop_columns("out"),
                        time="time", by=["land"], lag=dt.timedelta(days=3), observed="period")  # fmt: skip
    assert joined["rate"].to_pylist() == [None, 7]


def test_without_keys_all_rows_share_the_covariates():
    right = _right([("x", 1, 1, 7)]).drop_columns("land")
    joined = join_as_of(_left([("x", 1), ("y", 2)]), right, time="time", published="out", observed="period")
    assert joined["rate"].to_pylist() == [None, 7]


def test_times_with_zones_are_compared_as_moments():
    left = pa.table({"time": pa.array([dt.datetime(2004, 1, 1, 11)], pa.timestamp("us"))})
    paris = pa.array(
        [dt.datetime(2004, 1, 1, 10, 30), dt.datetime(2004, 1, 1, 11, 30)], pa.timestamp("us", "UTC")
    )
    right = pa.table({"out": paris.cast(pa.timestamp("us", "Europe/Paris")), "rate": [1, 2]})
    assert join_as_of(left, right, time="time", published="out")["rate"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "became known is not stated; give either published="),
        ({"published": "out", "lag": dt.timedelta(1)}, "is twice stated"),
        ({"lag": dt.timedelta(1)}, "name it as observed="),
        ({"lag": dt.timedelta(-1), "observed": "period"}, "before their time"),
        ({"published": "outt"}, "no column 'outt'; did you mean 'out'"),
        ({"published": "rate"}, "'rate' of 1 rows holds int64 instead of times"),
        ({"published": "out", "by": ["land", "bank"]}, "no column 'bank'"),
    ],
)
def test_nothing_is_guessed_about_when_a_figure_was_known(how, said):
    with pytest.raises(InputError, match=said):
        join_as_of(_left([("x", 1)]), _right([("x", 1, 1, 7)]), time="time", **({"by": "land"} | how))


def test_an_unknown_publication_time_and_a_name_in_both_tables_are_refused():
    right = pa.table({"out": pa.array([None], STAMP), "rate": [1]})
    with pytest.raises(InputError, match="'out' is missing in 1 of 1 rows"):
        join_as_of(_left([("x", 1)]), right, time="time", published="out")
    with pytest.raises(InputError, match="'land' stands in both tables"):
        join_as_of(_left([("x", 1)]), _right([("x", 1, 1, 7)]), time="time", published="out")
