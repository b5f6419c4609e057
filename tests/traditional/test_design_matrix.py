"""Standardised numbers and one-hot categories."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bezant.traditional.design_matrix import DesignMatrix
from bezant.traditional.inputs import Inputs


def rows(count=200, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(3, 2, count)
    colour = [["red", "green", "blue"][i] for i in generator.integers(0, 3, count)]
    return Inputs({"x": x, "z": generator.exponential(1e4, count)}, {"colour": pa.array(colour)})


def test_the_matrix_equals_scikit_learns_scaler_and_one_hot_encoder():
    train, later = rows(), rows(50, seed=1)
    scaler = StandardScaler().fit(np.column_stack(list(train.numbers.values())))
    names, counts = np.unique(train.categories["colour"].to_pylist(), return_counts=True)
    ranked = [names[np.argsort(-counts)]]
    encoder = OneHotEncoder(categories=ranked, sparse_output=False, dtype=np.float32).fit([["red"]])
    expected = np.column_stack(
        [
            scaler.transform(np.column_stack(list(later.numbers.values()))),
            encoder.transform(np.array(later.categories["colour"].to_pylist())[:, None]),
        ]
    )
    design = DesignMatrix.learn(train, 50)
    assert design.width == 5
    np.testing.assert_allclose(design.matrix(later, 50), expected, rtol=1e-6)


def test_missing_numbers_are_the_mean_and_missing_categories_no_value():
    train = Inputs({"x": np.array([1.0, 3.0, np.nan])}, {"c": pa.array(["a", "b", None])})
    assert DesignMatrix.learn(train, 50).matrix(train, 3).tolist() == [[-1, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_rare_and_new_values_share_a_column_and_new_ones_without_it_have_none():
    train = Inputs({}, {"c": pa.array(["a", "a", "b", "b", "b", "x", "y"])})
    later = Inputs({}, {"c": pa.array(["b", "a", "x", "new", None])})
    merged = DesignMatrix.learn(train, 2)
    assert merged.values == {"c": ("b", "a")}
    assert merged.matrix(later, 5).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]
    whole = DesignMatrix.learn(train, 50)
    assert whole.values == {"c": ("b", "a", "x", "y")}
    assert whole.matrix(later, 5)[3].tolist() == [0, 0, 0, 0]


def test_constant_and_empty_columns_become_zeros():
    train = Inputs({"one": np.full(5, 0.1), "none": np.full(5, np.nan)}, {"blank": pa.nulls(5, pa.string())})
    design = DesignMatrix.learn(train, 50)
    np.testing.assert_allclose(design.matrix(train, 5), np.zeros((5, 2)), atol=1e-6)
    assert design.matrix(train, 5).shape == (5, design.width)


def test_deviations_that_are_not_positive_are_refused():
    with pytest.raises(ValueError, match="positive"):
        DesignMatrix({"x": 0.0}, {"x": 0.0}, {}, frozenset())


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.sampled_from("abcdef")), min_size=1, max_size=30),
    most=st.integers(1, 6),
)
def test_a_row_has_one_value_or_none_and_the_document_gives_the_same_matrix(values, most):
    inputs = Inputs({}, {"c": pa.array(values, pa.string())})
    design = DesignMatrix.learn(inputs, most)
    matrix = design.matrix(inputs, len(values))
    assert matrix.sum(1).tolist() == [0 if v is None else 1 for v in values]
    document = json.loads(json.dumps(design.to_document()))
    assert np.array_equal(DesignMatrix.from_document(document).matrix(inputs, len(values)), matrix)
