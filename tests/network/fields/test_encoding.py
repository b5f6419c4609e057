"""From typed columns to arrays: gaps, rare and unknown values, times, and the twins of numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bezant.network.fields.encoding import FIRST_KNOWN, MISSING, UNKNOWN, Encoded, Encoding, learn_encoding
from bezant.schema import Field, Kind, Role, Schema

SCHEMA = Schema(
    fields=(
        Field(name="amount", kind=Kind.NUMBER),
        Field(name="staff", kind=Kind.NUMBER),
        Field(name="state", kind=Kind.CATEGORY),
        Field(name="bank", kind=Kind.TEXT),
        Field(name="founded", kind=Kind.TIME),
        Field(name="approved", kind=Kind.TIME, role=Role.TIME),
    )
)


def table(states: list[str | None], staff: list[float | None] | None = None) -> pa.Table:
    n = len(states)
    return pa.table(
        {
            "amount": pa.array([None, *np.arange(1.0, n)], pa.float64()),
            "staff": pa.array(staff or [2.0] * n, pa.float64()),
            "state": pa.array(states, pa.string()),
            "bank": pa.array(["A"] * 4 + ["B"] * (n - 4), pa.string()),
            "founded": pa.array(np.array(["2000-02-01T12:00"] * n, "datetime64[us]")),
            "approved": pa.array(np.array(["2000-03-01"] * n, "datetime64[us]")),
        }
    )


STATES: list[str | None] = ["NY", "NY", "CA", "CA", "CA", "TX", None, "WA"]


def test_known_values_are_ordered_by_frequency_and_rare_ones_are_unknown() -> None:
    encoding = learn_encoding(table(STATES), SCHEMA, min_count=5)
    state, bank = encoding.codes
    assert state.texts == ("CA", "NY")  # two rows are enough for a plain category
    assert bank.texts == ()  # five are not there for a text
    assert encoding.cardinalities == (4, 2)
    codes = encoding.encode(table(STATES)).codes[:, 0].tolist()
    known = {"CA": FIRST_KNOWN, "NY": FIRST_KNOWN + 1, None: MISSING}
    assert codes == [known.get(s, UNKNOWN) for s in STATES]


def test_equally_frequent_values_are_in_their_own_order() -> None:
    forwards = learn_encoding(table(["b", "a", "c"] * 4), SCHEMA).codes[0].texts
    backwards = learn_encoding(table(["c", "a", "b"] * 4), SCHEMA).codes[0].texts
    assert forwards == backwards == ("a", "b", "c")


def test_at_most_so_many_values_are_kept() -> None:
    encoding = learn_encoding(table(STATES), SCHEMA, max_values=1)
    assert encoding.codes[0].texts == ("CA",)


def test_times_become_age_month_and_weekday() -> None:
    encoding = learn_encoding(table(STATES), SCHEMA)
    numbers = encoding.encode(table(STATES)).numbers
    assert [(c.field, c.part) for c in encoding.numbers[2:]] == [
        ("founded", "days"),
        ("founded", "month"),
        ("founded", "weekday"),
    ]
    assert numbers[0, 2:].tolist() == [28.5, 2, 1]  # 29 days of a leap February, less half; a Tuesday
    assert np.isnan(numbers[0, 0])
    assert numbers[1:, 0].tolist() == list(range(1, 8))


def test_without_an_ordering_time_days_are_counted_from_1970() -> None:
    schema = SCHEMA.with_role(Role.IGNORED, "approved")
    numbers = learn_encoding(table(STATES), schema).encode(table(STATES)).numbers
    assert numbers[0, 2] == np.datetime64("2000-02-01", "D").astype(int) + 0.5


def test_a_twin_knows_exact_values() -> None:
    staff = [1.0, 1.0, 3.0, 3.0, 3.0, 7.0, None, 1.0]
    encoding = learn_encoding(table(STATES, staff), SCHEMA, twins=("staff",), min_count=2)
    twin = encoding.codes[0]
    assert twin.values == (1.0, 3.0)
    codes = encoding.encode(table(STATES, staff)).codes[:, 0].tolist()
    assert codes == [2, 2, 3, 3, 3, UNKNOWN, MISSING, 2]
    new = encoding.encode(table(STATES, [0.0, 2.0, 9.0, -1.0, 1.0, 3.0, 3.5, 1e9])).codes[:, 0].tolist()
    assert new == [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 2, 3, UNKNOWN, UNKNOWN]


def test_a_column_that_was_always_missing_can_be_filled_later() -> None:
    encoding = learn_encoding(table([None] * 8), SCHEMA)
    assert encoding.encode(table(STATES)).codes[:, 0].tolist() == [
        MISSING if s is None else UNKNOWN for s in STATES
    ]


def test_later_rows_learn_nothing() -> None:
    encoding = learn_encoding(table(STATES), SCHEMA)
    before = encoding.model_dump_json()
    encoding.encode(table(["ZZ"] * 8))
    assert encoding.model_dump_json() == before
    assert Encoding.model_validate_json(before) == encoding


def test_no_rows_give_empty_arrays() -> None:
    encoding = learn_encoding(table(STATES), SCHEMA)
    encoded = encoding.encode(table(STATES).slice(0, 0))
    assert encoded.numbers.shape == (0, 5)
    assert encoded.codes.shape == (0, 2)
    assert len(encoded) == 0


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit together"):
        Encoded(np.empty((2, 1), np.float32), np.empty((3, 1), np.int32))
