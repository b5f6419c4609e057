"""Statistics of pairs against a count by hand."""

from __future__ import annotations

import numpy as np

from bezant.traditional.recommendation import CoOccurrence, Ease, Interactions, learn_co_occurrence

DAY = 86_400.0


def events(tied: bool = False) -> Interactions:
    day = np.array([0.0, 1.0, 3.0, 0.0, 2.0, 4.0])
    if tied:
        day[1] = 0.0
    return Interactions(np.array([0, 3, 6]), np.array([0, 1, 2, 1, 0, 3]), day, np.arange(5))


def test_pairs_are_counted_as_by_hand():
    found = learn_co_occurrence(events())
    follows = np.zeros((5, 5))
    for row in ([0, 1, 2], [1, 0, 3]):
        follows[row[0], row[1]] += 1
        follows[row[1], row[2]] += 1
        follows[row[0], row[2]] += 0.5
    popular = np.array([2.0, 2, 1, 1, 0])
    share = follows / np.maximum(follows.sum(axis=1, keepdims=True), 1e-9)
    expected = share / np.maximum(popular, 1) ** 0.25
    np.testing.assert_allclose(found.kinds["follows"].todense(), expected, atol=1e-6)
    assert found.gap == 2 * DAY
    np.testing.assert_array_equal(found.popularity, popular)


def test_a_tie_has_no_order():
    found = np.asarray(learn_co_occurrence(events(tied=True)).kinds["follows"].todense())
    assert found[0, 1] > 0 and found[1, 0] > 0


def test_the_linear_kind_is_ease():
    found = np.asarray(learn_co_occurrence(events()).kinds["linear"].todense())
    np.testing.assert_allclose(found, Ease(penalty=300.0).fit(events()).weights_, atol=1e-6)


def test_features_do_not_depend_on_other_customers_and_come_back_after_saving():
    found = learn_co_occurrence(events())
    whole = found.features(events())
    assert whole.shape == (2, 5, len(found.names))
    second = Interactions(np.array([0, 3]), np.array([1, 0, 3]), np.array([0.0, 2.0, 4.0]), np.arange(5))
    np.testing.assert_allclose(found.features(second)[0], whole[1], atol=1e-6)
    again = CoOccurrence.restore(found.tensors())
    np.testing.assert_array_equal(again.features(events()), whole)


def test_only_the_greatest_values_of_a_row_are_kept():
    few = learn_co_occurrence(events(), most=1).kinds["follows"]
    assert np.diff(few.indptr).max() == 1
    whole = np.asarray(learn_co_occurrence(events()).kinds["follows"].todense())
    np.testing.assert_allclose(few.max(axis=1).todense(), whole.max(axis=1), atol=1e-7)


def test_full_matrices_give_what_sparse_ones_do(monkeypatch):
    found = learn_co_occurrence(events())
    said = []
    for share in (2.0, 0.0):
        monkeypatch.setattr("bezant.traditional.recommendation.co_occurrence.DENSE", share)
        said.append(found.features(events()))
    np.testing.assert_allclose(*said, rtol=1e-6)
    assert said[0].any()
