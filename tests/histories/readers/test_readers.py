import datetime as dt
import math

import hypothesis.strategies as st
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings

from bezant.histories import read_table, scan_batches
from bezant.schema import Kind, infer_schema
from bezant.types import InputError

ROWS = st.fixed_dictionaries(
    {
        "amount": st.none() | st.floats(-1e9, 1e9, allow_subnormal=False),
        "months": st.integers(-(2**40), 2**40),
        "code": st.none() | st.integers(0, 9),
        "bank": st.none()
        | st.text("abcxyz ,;'\"|ü", min_size=1, max_size=6).filter(lambda s: s == s.strip()),
        "approved": st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2020, 1, 1)),
        "new": st.booleans(),
    }
)
KINDS = {
    "amount": Kind.NUMBER, "months": Kind.NUMBER, "code": Kind.CATEGORY, "bank": Kind.TEXT,
    "approved": Kind.TIME, "new": Kind.CATEGORY,
}  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROWS, min_size=1, max_size=12))
def test_the_same_rows_conform_to_the_same_table_whatever_they_come_in(rows, tmp_path):
    rows = [r | {"bank": r["bank"] and r["bank"].replace("nan", "n")} for r in rows]
    columns = {n: [r[n] for r in rows] for n in KINDS}
    types = {"amount": pa.float64(), "code": pa.int64(), "bank": pa.string(), "approved": pa.timestamp("us")}
    arrow = pa.table({n: pa.array(v, types.get(n)) for n, v in columns.items()})
    pandas, polars = arrow.to_pandas(), pl.from_arrow(arrow)
    pandas.to_csv(tmp_path / "pandas.csv", index=False)
    polars.write_csv(tmp_path / "polars.csv", separator=";")
    pq.write_table(arrow, tmp_path / "t.parquet")
    schema = infer_schema(arrow, kinds=KINDS)
    expected = schema.conform(arrow).table
    for source in (pandas, polars, tmp_path / "pandas.csv", tmp_path / "polars.csv", tmp_path / "t.parquet"):
        table = read_table(source)
        assert schema.conform(table).table.equals(expected)
        backwards = table.select(table.column_names[::-1])
        assert schema.conform(backwards).table.equals(expected)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.none() | st.floats(-50, 50).map(lambda v: round(v, 1)), min_size=1, max_size=20),
       size=st.integers(1, 7))  # fmt: skip
def test_rows_scored_in_chunks_read_as_they_do_whole(values, size):
    table = pa.table({"x": pa.array(values, pa.float64())})
    schema = infer_schema(table, kinds={"x": Kind.CATEGORY})
    whole = schema.conform(table).table["x"].to_pylist()
    parts = [schema.conform(t).table["x"].to_pylist() for t in scan_batches(table, size)]
    assert [v for part in parts for v in part] == whole
    assert all((w is None) == (v is None or math.isnan(v)) for w, v in zip(whole, values, strict=True))


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 50), size=st.integers(1, 12))
def test_batches_hold_every_row_once_in_order(rows, size):
    batches = list(scan_batches(pa.table({"x": pa.array(range(rows), pa.int64())}), size))
    assert [v for t in batches for v in t["x"].to_pylist()] == list(range(rows))
    assert all(t.num_rows == size for t in batches[:-1])
    assert len(batches) >= 1


def test_batches_of_a_file_without_rows_still_name_its_columns(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n")
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), tmp_path / "a.parquet")
    assert [t.column_names for t in scan_batches(tmp_path / "a.csv")] == [["a", "b"]]
    assert [t.column_names for t in scan_batches(tmp_path / "a.parquet")] == [["a"]]


@pytest.mark.parametrize(
    ("source", "query", "said"),
    [
        ("none.csv", None, r"There is no file '.*none.csv'"),
        ("none.*", None, r"There is no file"),
        (".", None, "holds no Parquet file"),
        ("a.xlsx", None, "suffix that says neither CSV nor Parquet; name a .csv"),
        ("a.db", None, "write 'duckdb:///"),
        ("a.csv", "SELECT 1", "leave the query out"),
    ],
)
def test_a_source_that_cannot_be_read_is_one_sentence(tmp_path, source, query, said):
    for name in ("a.xlsx", "a.db", "a.csv"):
        (tmp_path / name).write_text("x\n1\n")
    with pytest.raises(InputError, match=said):
        read_table(str(tmp_path / source), query=query)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://example.org/a.csv", "download it first"),
        ("duckdb:///a.db", "names no query"),
        ("postgresql://me:secret@h/d", "'postgresql://me@h/d' names no query"),
    ],
)
def test_an_address_that_cannot_be_read_is_one_sentence(url, said):
    with pytest.raises(InputError, match=said):
        read_table(url)


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(InputError, match="give at least 1"):
        scan_batches(pd.DataFrame({"x": [1]}), 0)
