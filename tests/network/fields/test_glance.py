"""What records say at a glance, as columns: the numbers that the network is told, under readable names."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import bezant as bz
from bezant.network.fields.encoding import Encoding, learn_encoding
from bezant.network.fields.glance import Glance
from bezant.schema import RECORDS, Schema, infer_schema


@pytest.fixture(scope="module")
def rows() -> tuple[pa.Table, Schema, Encoding]:
    """Forty customers of CDNOW with an age, typed, and how a network reads them."""
    events = pa.Table.from_pandas(bz.datasets.load("cdnow-sample"), preserve_index=False)
    channel = pa.array(np.where(np.arange(events.num_rows) % 3, "shop", "post"))
    events = events.append_column("channel", channel)
    names = np.unique(events["customer"].to_numpy())[:40]
    people = pa.table({"customer": names, "age": pa.array(np.arange(40) + 20.0)})
    table = bz.with_records(people, events, entity="customer", time="time").drop_columns(["customer"])
    schema = infer_schema(table)
    typed = schema.conform(table).table
    return typed, schema, learn_encoding(typed, schema, min_count=1, aggregates=True)


def test_the_columns_are_what_the_network_is_told(rows: tuple[pa.Table, Schema, Encoding]) -> None:
    table, schema, encoding = rows
    glance = Glance.of(encoding)
    told = glance.told(table)
    assert told.column_names == ["age", *glance.names]
    assert glance.told_schema(schema).names == tuple(told.column_names)
    assert glance.told_schema(schema).records is None
    numbers = np.stack([c.to_numpy(zero_copy_only=False) for c in told.columns], 1)
    np.testing.assert_array_equal(numbers, encoding.encode(table).numbers)


def test_names_say_what_is_told(rows: tuple[pa.Table, Schema, Encoding]) -> None:
    table, _, encoding = rows
    names = Glance.of(encoding).names
    assert len(set(names)) == len(names)
    assert {
        "records: number",
        "records: number in 30 days",
        "records: days since the last",
        "records: amount, mean",
        "records: amount, total of 90 days",
        "records: share with channel shop",
    } <= set(names)
    lists = table[RECORDS].to_pylist()
    share = Glance.of(encoding).told(table)["records: share with channel shop"].to_pylist()
    by_hand = [np.mean([record["channel"] == "shop" for record in one]) for one in lists]
    np.testing.assert_allclose(share, by_hand, rtol=1e-6)


def test_rows_without_records_stay_as_they_are() -> None:
    table = pa.table({"age": [20.0, 30.0]})
    schema = infer_schema(table)
    glance = Glance.of(learn_encoding(table, schema, aggregates=True))
    assert glance.told(table) is table
    assert glance.told_schema(schema) is schema
    assert glance.names == ()


def test_it_is_the_same_from_its_document(rows: tuple[pa.Table, Schema, Encoding]) -> None:
    glance = Glance.of(rows[2])
    assert Glance.model_validate(glance.model_dump(mode="json")) == glance


def test_only_values_that_are_told_are_kept(rows: tuple[pa.Table, Schema, Encoding]) -> None:
    table, _, encoding = rows
    assert encoding.records is not None
    many = encoding.records.codes[0].model_copy(
        update={"texts": (*encoding.records.codes[0].texts, *map(str, range(99)))}
    )
    long = encoding.model_copy(
        update={"records": encoding.records.model_copy(update={"codes": (many, *encoding.records.codes[1:])})}
    )
    glance = Glance.of(long)
    assert glance.encoding is not None
    assert glance.encoding.records is not None
    assert [len(code.texts) for code in glance.encoding.records.codes][:1] == [6]
    assert glance.told(table).equals(Glance.of(encoding).told(table))


def test_columns_that_read_alike_keep_names_of_their_own() -> None:
    times = pa.array([0, 1], pa.timestamp("us"))
    events = pa.table({"who": [1, 1], "time": times, "a": ["b c", "b c"], "a b": ["c", "c"]})
    table = bz.with_records(pa.table({"who": [1]}), events, entity="who", time="time")
    table = table.drop_columns(["who"])
    schema = infer_schema(table)
    names = Glance.of(learn_encoding(schema.conform(table).table, schema, min_count=1, aggregates=True)).names
    assert len(set(names)) == len(names)
    assert {"records: share with a b c", "records: share with a b c again"} <= set(names)


def test_a_column_of_the_row_keeps_its_name(rows: tuple[pa.Table, Schema, Encoding]) -> None:
    table, _, _ = rows
    table = table.append_column("records: number", pa.array(np.arange(float(len(table)))))
    schema = infer_schema(table)
    typed = schema.conform(table).table
    glance = Glance.of(learn_encoding(typed, schema, aggregates=True))
    told = glance.told(typed)
    assert "records: number again" in glance.names
    assert {field.name for field in glance.told_schema(schema).fields} >= set(told.column_names)
    assert told["records: number"].equals(typed["records: number"])
    assert Glance.model_validate(glance.model_dump(mode="json")) == glance
