"""Outcomes as users hand them over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bezant.desks.estimators.labels import label_values, missing_labels


@pytest.mark.parametrize(
    "given",
    [
        pa.array(["good", "bad", None]),
        pa.chunked_array([["good"], ["bad", None]]),
        pd.Series(["good", "bad", pd.NA], dtype="string"),
        ["good", "bad", None],
    ],
    ids=["arrow", "chunks", "pandas", "list"],
)
def test_texts_are_read_from_whatever_holds_them(given: object) -> None:
    values = label_values(given)
    assert values.tolist()[:2] == ["good", "bad"]
    assert missing_labels(values).tolist() == [False, False, True]


def test_booleans_are_read_from_arrow() -> None:
    assert label_values(pa.array([True, False])).tolist() == [True, False]


def test_numbers_with_pandas_own_missing_value_are_numbers() -> None:
    values = label_values(pd.Series([1, 0, pd.NA], dtype="Int64"))
    assert values.dtype == np.float64
    assert missing_labels(values).tolist() == [False, False, True]
