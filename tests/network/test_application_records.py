"""An application with records becomes a table of one row; what is wrong in it is named with its record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bezant.network.application_records import row_with_records
from bezant.schema import infer_schema
from bezant.types import InputError

SCHEMA = infer_schema(
    pa.Table.from_pylist(
        [
            {"job": "clerk", "age": 41, "records": [{"at": "2020-01-01", "paid": 2.5, "how": "card"}]},
            {"job": "smith", "age": 29, "records": [{"at": "2020-02-03", "paid": 7.0, "how": "cash"}]},
        ]
    )
)
FIRST, SECOND = {"at": "2020-03-01", "paid": 1, "how": "card"}, {"at": "2020-03-09", "paid": 2.5, "how": "1"}


def _row(**changed: Any) -> pa.Table:
    return row_with_records({"job": "clerk", "age": 30, "records": [FIRST, SECOND], **changed}, SCHEMA)


def test_it_reads_as_the_table_of_one_row_does() -> None:
    plain = pa.Table.from_pylist([{"job": "clerk", "age": 30, "records": [FIRST, SECOND]}])
    read = SCHEMA.conform(_row(other=[1])).table
    assert read.to_pylist() == SCHEMA.conform(plain).table.to_pylist()


def test_values_of_several_types_mean_what_each_means_alone() -> None:
    read = SCHEMA.conform(_row(records=[{**FIRST, "paid": "3", "how": 1}, SECOND])).table
    assert [(r["paid"], r["how"]) for r in read["records"][0].as_py()] == [(3.0, "1"), (2.5, "1")]


@pytest.mark.parametrize("empty", [None, [], (), np.array([], dtype=object)])
def test_no_records_are_none(empty: object) -> None:
    assert not SCHEMA.conform(_row(records=empty)).table["records"][0].as_py()


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([1], r"^Column 'paid' holds \[1\] in record 2, which is no single value"),
        ({"a": 1}, r"^Column 'paid' holds \{'a': 1\} in record 2, which is no single value"),
        (10**30, r"^Column 'paid' holds 10+ in record 2, which no table can hold"),
        ("x", r"^Column 'paid' should hold a number but holds 'x' in record 2; mend"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_record(value: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        _row(records=[FIRST, {**SECOND, "paid": value}])


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        (pd.DataFrame([FIRST]), r"is of the type DataFrame, .* such as frame.to_dict\('records'\)\.$"),
        ("none", "is of the type str, not a list of records"),
        ([FIRST, 3], r"^Record 2 of 2 in 'records' is 3, not a mapping"),
        ([{"price": 1}], r"^None of the 1 records of the application has a column that the model reads"),
    ],
)
def test_what_is_no_list_of_records_is_refused(records: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        _row(records=records)


@pytest.mark.parametrize("value", [["a"], ("a",), {"a": 1}, [1, "x"]])
def test_a_list_in_a_plain_field_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^Column 'job' holds .*, which is no single value"):
        _row(job=value)


def test_lists_within_the_records_of_a_table_are_refused() -> None:
    bad = {"job": "clerk", "age": 30, "records": [{**FIRST, "paid": [1.0]}]}
    with pytest.raises(InputError, match=r"^Column 'paid' holds values of the type list<.*neither a number"):
        SCHEMA.conform(pa.Table.from_pylist([bad]))
