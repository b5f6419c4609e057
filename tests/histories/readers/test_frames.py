import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bezant.histories.readers.frames import from_frame, like_input
from bezant.types import InputError

COLUMNS = {"amount": [1.5, None, 3.0], "bank": ["a", "b", None]}


@pytest.mark.parametrize(
    "make",
    [pd.DataFrame, pl.DataFrame, lambda c: pl.DataFrame(c).lazy(), pa.table, dict,
     lambda c: pa.table(c).to_batches()[0], lambda c: pa.table(c).to_reader()],
    ids=["pandas", "polars", "polars lazy", "arrow", "dict", "batch", "reader"],
)  # fmt: skip
def test_every_frame_gives_the_same_rows(make):
    table = from_frame(make(COLUMNS))
    assert {n: table[n].to_pylist() for n in table.column_names} == COLUMNS


def test_columns_of_a_matrix_are_named_by_their_place():
    table = from_frame(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert table.to_pydict() == {"x0": [1.0, 3.0], "x1": [2.0, 4.0]}
    assert from_frame([[1, "a"], [2, "b"]]).num_rows == 2


def test_a_pandas_column_of_mixed_values_becomes_text():
    table = from_frame(pd.DataFrame({"x": pd.Series([1, "a", None], dtype=object)}))
    assert table["x"].to_pylist() == ["1", "a", None]


def test_numbers_as_pandas_names_become_text():
    assert from_frame(pd.DataFrame(np.zeros((2, 2)))).column_names == ["0", "1"]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pa.table([[1], [2]], names=["a", "a"]),
        pa.table([[1], [2]], names=["a", "a"]).to_reader(),
    ],
)
def test_names_that_repeat_are_refused_in_one_sentence(frame):
    with pytest.raises(InputError, match="Column 'a' stands more than once in the table; rename"):
        from_frame(frame)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros(3), r"reshape\(-1, 1\)"),
        ([[1, 2], [3]], "do not all have the same number"),
        ({"a": [1, 2], "b": [1]}, "'a' has 2 rows but column 'b' has 1"),
        ({"a": np.zeros((2, 2))}, r"'a' has the shape \(2, 2\)"),
        (3, "A int is not a table"),
        (np.zeros((1, 1), complex), "Complex data not supported"),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(source, said):
    with pytest.raises(InputError, match=said):
        from_frame(source)


def test_the_answer_is_a_frame_of_the_same_kind_as_the_input():
    p = {"p": np.array([0.1, 0.2, 0.3])}
    pandas = like_input(pd.DataFrame(COLUMNS, index=[7, 8, 9]), p)
    assert isinstance(pandas, pd.DataFrame)
    assert list(pandas.index) == [7, 8, 9]
    assert pandas["p"].tolist() == [0.1, 0.2, 0.3]
    assert like_input(pl.DataFrame(COLUMNS), p).equals(pl.DataFrame(p))
    assert like_input(pl.DataFrame(COLUMNS).lazy(), p).collect().equals(pl.DataFrame(p))
    assert like_input(pa.table(COLUMNS), p).equals(pa.table(p))
    assert like_input("loans.csv", p).equals(pa.table(p))
    assert like_input(["a.parquet", "b.parquet"], p).equals(pa.table(p))
    assert like_input(np.zeros((3, 2)), p).shape == (3, 1)
    assert list(like_input(COLUMNS, p)) == ["p"]


def test_the_input_is_not_changed():
    frame = pd.DataFrame({"x": pd.Series([1, "a", None], dtype=object)})
    before = frame.copy(deep=True)
    from_frame(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ([[{"a": 1}], None, "oops", [{"a": 2}]], r"lists in 2 of 4 rows, but row 2 .* holds 'oops'"),
        ([[{"a": 1}], [{"a": 2}], [{"a": "x"}], []], r"the list in row 2 .* \[\{'a': 'x'\}\]"),
    ],
)
def test_the_row_that_spoils_a_column_of_lists_is_named(cells: list[object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        from_frame(pd.DataFrame({"records": pd.Series(cells, dtype=object)}))
