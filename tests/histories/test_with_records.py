"""Rows get the records of their entity, before a moment, in order."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bezant as bz
from bezant.types import InputError

DAY = dt.timedelta(days=1)
START = dt.datetime(2020, 1, 1)


def _day(n: int) -> dt.datetime:
    return START + n * DAY


def _events(entities: list[int], days: list[int]) -> pa.Table:
    amounts = np.arange(len(days), dtype=np.float64)
    times = pa.array([_day(d) for d in days], pa.timestamp("us"))
    return pa.table({"who": pa.array(entities, pa.int64()), "at": times, "amount": amounts})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10)), min_size=1, max_size=8),
)
def test_each_row_gets_what_a_loop_over_all_events_gives(
    events: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    table = _events([e for e, _ in events], [d for _, d in events])
    rows = pa.table(
        {"who": [w for w, _ in asked], "until": pa.array([_day(d) for _, d in asked], pa.timestamp("us"))}
    )
    found = bz.with_records(rows, table, entity="who", time="at", until="until")["records"].to_pylist()
    for (who, until), records in zip(asked, found, strict=True):
        own = [(d, i) for i, (e, d) in enumerate(events) if e == who and d < until]
        assert [(r["at"], r["amount"]) for r in records] == [(_day(d), float(i)) for d, i in sorted(own)]


def test_without_a_moment_all_records_are_given() -> None:
    found = bz.with_records(pa.table({"who": ["1"]}), _events([1, 1], [3, 2]), entity="who", time="at")
    assert [r["at"] for r in found["records"][0].as_py()] == [_day(2), _day(3)]


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_the_answer_is_a_frame_of_the_same_kind(kind: str) -> None:
    rows = pa.table({"who": [2, 1]})
    given_rows = {"pandas": rows.to_pandas(), "polars": pl.from_arrow(rows), "arrow": rows}[kind]
    found = bz.with_records(given_rows, _events([1], [0]), entity="who", time="at")
    assert type(found) is type(given_rows)
    lists = pa.table(found)["records"] if kind != "pandas" else pa.Table.from_pandas(found)["records"]
    assert [len(r) for r in lists.to_pylist()] == [0, 1]


def test_a_pandas_index_stays() -> None:
    rows = pd.DataFrame({"who": [2, 1]}, index=[7, 9])
    assert list(bz.with_records(rows, _events([1], [0]), entity="who", time="at").index) == [7, 9]


def test_an_event_without_an_entity_is_refused() -> None:
    events = pa.table({"who": [1, None], "at": [_day(0), _day(1)], "amount": [1.0, 2.0]})
    with pytest.raises(InputError, match="'who' is missing in 1"):
        bz.with_records(pa.table({"who": [1]}), events, entity="who", time="at")


def test_a_row_without_its_moment_is_refused() -> None:
    rows = pa.table({"who": [1, 1], "until": pa.array([_day(0), None], pa.timestamp("us"))})
    with pytest.raises(InputError, match=r"'until' .* missing in 1 of 2"):
        bz.with_records(rows, _events([1], [0]), entity="who", time="at", until="until")


def test_rows_that_have_records_are_refused() -> None:
    rows = pa.table({"who": [1], "records": [1]})
    with pytest.raises(InputError, match="rename"):
        bz.with_records(rows, _events([1], [0]), entity="who", time="at")


@pytest.mark.parametrize("setting", ["entity", "time", "until"])
def test_a_list_of_names_is_refused(setting: str) -> None:
    names = {"entity": "who", "time": "at", setting: ["who"]}
    with pytest.raises(InputError, match=rf"^{setting} is the name of one column, not \['who'\]"):
        bz.with_records(pa.table({"who": [1]}), _events([1], [0]), **names)


def test_the_table_that_lacks_a_column_is_named() -> None:
    rows, events = pa.table({"who": [1]}), _events([1], [0])
    with pytest.raises(InputError, match="no column 'whom' in the rows; did you mean 'who'"):
        bz.with_records(rows, events, entity="whom", time="at")
    with pytest.raises(InputError, match="no column 'who' in the records"):
        bz.with_records(rows, events.drop_columns(["who"]), entity="who", time="at")


def test_a_row_without_its_entity_is_refused() -> None:
    rows = pa.table({"who": [1, None, None]})
    with pytest.raises(InputError, match="'who' is missing in 2 of 3 rows"):
        bz.with_records(rows, _events([1], [0]), entity="who", time="at")


@pytest.mark.parametrize("until", [None, "until"])
def test_no_records_at_all_give_every_row_an_empty_list(until: str | None) -> None:
    rows = pd.DataFrame({"who": [2, 1], "until": [_day(0), _day(1)]})
    empty = pd.DataFrame({"who": [], "at": [], "amount": []})
    found = bz.with_records(rows, empty, entity="who", time="at", until=until)
    assert [len(lists) for lists in found["records"]] == [0, 0]
