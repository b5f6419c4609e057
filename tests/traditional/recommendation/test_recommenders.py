"""Every recommender against a slow loop or another definition, and all of them against what must hold."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from bezant.traditional.recommendation import (
    Ease,
    Factorization,
    Interactions,
    ItemNeighbours,
    OwnedSetBoosting,
    Popularity,
    SequentialRules,
    from_sets,
    interactions,
)
from bezant.types import InputError

P = 7


def drawn(seed: int = 0, n: int = 25) -> Interactions:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, P, n)
    product = np.concatenate([rng.permutation(P)[:size] for size in lengths])
    day = np.concatenate([np.sort(rng.integers(0, 50, size)) for size in lengths]).astype(float)
    return Interactions(np.append(0, np.cumsum(lengths)), product, day, np.arange(P))


def histories(events: Interactions) -> list[list[int]]:
    pairs = zip(events.offsets[:-1], events.offsets[1:], strict=True)
    return [events.product[a:b].tolist() for a, b in pairs]


MODELS = {
    "popularity": lambda: Popularity(half_life=10),
    "sequential_rules": SequentialRules,
    "item_neighbours": ItemNeighbours,
    "ease": Ease,
    "factorization": lambda: Factorization(factors=4),
}


@pytest.mark.parametrize("key", MODELS)
def test_the_same_fit_gives_the_same_scores_and_strangers_are_scored_too(key):
    if key == "factorization":
        pytest.importorskip("implicit")
    events, model = drawn(), MODELS[key]()
    assert model.key == key
    with pytest.raises(InputError, match="call fit first"):
        model.scores(events)
    scores = model.fit(events).scores(events)
    assert scores.shape == (25, P)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(MODELS[key]().fit(events).scores(events), scores)
    assert model.scores(drawn(1, n=3)).shape == (3, P)
    nobody = Interactions(np.array([0, 0]), np.array([], int), np.array([]), np.arange(P))
    assert np.isfinite(model.scores(nobody)).all()


@pytest.mark.parametrize("key", ["sequential_rules", "item_neighbours", "ease", "factorization"])
def test_a_customers_scores_rest_on_that_customers_history_alone(key):
    if key == "factorization":
        pytest.importorskip("implicit")
    events = drawn()
    model = MODELS[key]().fit(events)
    few = Interactions(
        events.offsets[:4], *(v[: events.offsets[3]] for v in (events.product, events.day)), np.arange(P)
    )
    np.testing.assert_allclose(model.scores(few), model.scores(events)[:3])


def test_popularity_counts_late_events_more():
    events = drawn()
    age = events.day.max() - events.day
    expected = [float((0.5 ** (age[events.product == k] / 10)).sum()) for k in range(P)]
    np.testing.assert_allclose(Popularity(half_life=10).fit(events).scores(events)[3], expected)


def test_sequential_rules_are_those_of_a_loop_over_pairs():
    events, steps, fade, half_life, popularity = drawn(), 3, 0.7, 2.0, 0.5
    rules = np.zeros((P, P))
    for history in histories(events):
        for i, a in enumerate(history):
            for d, b in enumerate(history[i + 1 : i + 1 + steps], start=1):
                rules[a, b] += d**-fade
    rules /= np.bincount(events.product, minlength=P) ** popularity
    expected = [
        sum(0.5 ** ((len(h) - 1 - i) / half_life) * rules[a] for i, a in enumerate(h))
        for h in histories(events)
    ]
    model = SequentialRules(steps=steps, fade=fade, half_life=half_life, popularity=popularity).fit(events)
    np.testing.assert_allclose(model.scores(events), expected)


def test_neighbours_are_the_most_similar_by_cosine():
    events = drawn()
    owned = events.owned().astype(float)
    model = ItemNeighbours(neighbours=2, half_life=None, shrinkage=0).fit(events)
    expected = np.zeros((P, P))
    for a in range(P):
        cosine = [
            owned[:, a] @ owned[:, b] / np.linalg.norm(owned[:, a]) / np.linalg.norm(owned[:, b])
            if a != b
            else 0
            for b in range(P)
        ]
        least = sorted(cosine)[-2]
        expected[a] = [c if c >= least else 0 for c in cosine]
    np.testing.assert_allclose(model.scores(events), owned @ expected)


def test_ease_is_the_ridge_regression_of_each_product_on_the_others():
    events = drawn()
    owned = events.owned().astype(float)
    scores = Ease(penalty=3.0, half_life=None).fit(events).scores(events)
    for k in range(P):
        others = np.delete(owned, k, axis=1)
        weights = np.linalg.solve(others.T @ others + 3.0 * np.eye(P - 1), others.T @ owned[:, k])
        np.testing.assert_allclose(scores[:, k], others @ weights)
    with pytest.raises(InputError, match="above 0"):
        Ease(penalty=0).fit(events)


def test_the_factors_of_a_history_are_those_that_implicit_finds():
    als = pytest.importorskip("implicit.cpu.als")
    events = drawn()
    model = Factorization(factors=3, half_life=None).fit(events)
    other = als.AlternatingLeastSquares(factors=3, regularization=0.1, use_cg=False, num_threads=1)
    other.item_factors = model.products_.astype(np.float32)
    taken = model._confidences(events, None)
    users = other.recalculate_user(np.arange(len(events)), taken)
    np.testing.assert_allclose(model.scores(events), users @ model.products_.T, atol=1e-4)


def test_what_a_set_hides_is_likelier_where_its_companion_is_owned():
    rng = np.random.default_rng(0)
    owned = rng.random((400, 3)) < 0.5
    owned[:, 1] = owned[:, 0] ^ (rng.random(400) < 0.05)
    owned[:, 2] = False
    model = OwnedSetBoosting(trees=20, learning_rate=0.2).fit(owned, np.zeros((400, 0)))
    asked = np.array([[True, False, False], [False, False, False], [True, True, False]])
    scores = model.scores(asked, np.zeros((3, 0)))
    assert scores[0, 1] > 0.9 > 0.1 > scores[1, 1]
    assert scores[0, 1] == scores[2, 1]  # whether it is owned itself says nothing
    assert (scores[:, 2] == 0).all()
    with pytest.raises(InputError, match="2 products, but 3"):
        model.scores(asked[:, :2], np.zeros((3, 0)))


def test_events_are_sorted_by_time_and_ties_keep_the_order_of_the_rows():
    table = pa.table(
        {"who": ["b", "a", "b", "a", "b"], "what": [5, 5, 9, 7, 7], "when": [2.0, 1.0, 1.0, 1.0, 2.0]}
    )
    events, names = interactions(table, customer="who", product="what", time="when")
    assert names.tolist() == ["a", "b"]
    assert events.products[events.product].tolist() == [5, 7, 9, 5, 7]
    before, last = events.without_last()
    assert events.products[last].tolist() == [7, 7]
    assert before.products[before.product].tolist() == [5, 9, 5]


def test_the_latest_of_several_events_with_a_product_weighs():
    events = Interactions(np.array([0, 3]), np.array([1, 0, 1]), np.arange(3.0), np.arange(2))
    assert events.weighted(1.0).todense().tolist() == [[0.5, 1.0]]


def test_what_is_no_log_of_events_is_refused():
    with pytest.raises(InputError, match="out of order"):
        Interactions(np.array([0, 2]), np.array([0, 1]), np.array([2.0, 1.0]), np.arange(2))
    with pytest.raises(InputError, match="numbered 0 to 1"):
        Interactions(np.array([0, 1]), np.array([2]), np.array([2.0]), np.arange(2))
    with pytest.raises(InputError, match="1 of 2 customers have fewer than two"):
        from_sets(np.array([[True, False], [True, True]]), np.arange(2)).without_last()
    with pytest.raises(InputError, match="'product' is missing in 1 of 2 rows"):
        interactions(pa.table({"customer": [1, 1], "product": [1, None], "time": [1.0, 2.0]}))
