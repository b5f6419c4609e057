from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bezant.evidence.checks.view import Column, view_of
from bezant.schema import Kind, Role, infer_schema


@pytest.fixture(scope="module")
def view(loans, y):
    schema = infer_schema(loans, target="default", time="ApprovalDate")
    return view_of(loans, schema, y, None, 1000, 0)


def test_codes_and_values_give_the_column_back(loans, view):
    for column in view.columns:
        if column.is_ordered:
            np.testing.assert_array_equal(column.numbers(), loans[column.name].to_numpy().astype(float))
            assert np.all(np.diff(column.values) > 0)
        else:
            back = [None if c < 0 else column.values[c] for c in column.codes]
            assert back == loans[column.name].to_pylist()


def test_times_are_days_since_1970(loans, view):
    days = pc.days_between(pa.scalar(0, pa.timestamp("us")), loans["ApprovalDate"]).to_numpy()
    np.testing.assert_array_equal(np.floor(view.time.numbers()), days)


def test_the_sample_is_of_the_asked_size_and_its_folds_hold_both_classes_evenly(view):
    assert len(view.sample) == 1000
    events = np.bincount(view.folds, weights=view.sample_y)
    assert events.max() - events.min() <= 1


def test_zero_is_empty_only_where_it_is_the_most_frequent_number():
    mostly_zero = Column("a", Kind.NUMBER, Role.INPUT, np.array([0, 0, 1, -1]), np.array([0.0, 5.0]))
    assert mostly_zero.empty.tolist() == [True, True, False, True]
    rarely_zero = Column("a", Kind.NUMBER, Role.INPUT, np.array([0, 1, 1, -1]), np.array([0.0, 5.0]))
    assert rarely_zero.empty.tolist() == [False, False, False, True]


def test_codes_outside_the_values_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        Column("a", Kind.NUMBER, Role.INPUT, np.array([0, 2]), np.array([0.0, 5.0]))
