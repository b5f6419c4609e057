"""Every figure of a ranking against a loop over all orders that the ties allow."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from bezant.metrics import ranking
from bezant.types import InputError

CUSTOMERS, PRODUCTS = 12, 6


def drawn(seed: int, several: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with many ties, candidates, and what was taken of them; the last customer took nothing."""
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3, (CUSTOMERS, PRODUCTS)).astype(float)
    candidates = rng.random(scores.shape) < 0.8
    candidates[:, 0] = True
    taken = candidates & (rng.random(scores.shape) < 0.4)
    if not several:
        taken = np.zeros_like(taken)
        taken[:, 0] = True
    taken[-1] = False
    return scores, candidates, taken


def orders(scores: np.ndarray, candidates: np.ndarray) -> list[tuple[int, ...]]:
    """Every order of the candidates in which no lower score comes before a higher one."""
    places = itertools.permutations(np.flatnonzero(candidates).tolist())
    return [o for o in places if all(scores[a] >= scores[b] for a, b in itertools.pairwise(o))]


def slow_ndcg(order, taken, k):
    gain = sum(1 / math.log2(2 + i) for i, p in enumerate(order[:k]) if p in taken)
    return gain / sum(1 / math.log2(2 + i) for i in range(min(k, len(taken))))


def slow_recall(order, taken, k):
    return len(taken & set(order[:k])) / len(taken)


def slow_hit(order, taken, k):
    return float(bool(taken & set(order[:k])))


def slow_precision(order, taken, k):
    hits = [i for i, p in enumerate(order[:k]) if p in taken]
    return sum((n + 1) / (i + 1) for n, i in enumerate(hits)) / min(k, len(taken))


def slow(figure, seed: int, k: int, several: bool = True) -> list[float]:
    scores, candidates, taken = drawn(seed, several)
    values = []
    for s, c, t in zip(scores, candidates, taken, strict=True):
        found = set(np.flatnonzero(t).tolist())
        values.append(np.mean([figure(o, found, k) for o in orders(s, c)]) if found else math.nan)
    return values


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("k", [1, 2, 4, 6])
@pytest.mark.parametrize(
    ("fast", "figure"),
    [
        (ranking.ndcg, slow_ndcg),
        (ranking.recall, slow_recall),
        (ranking.hit_rate, slow_hit),
        (ranking.average_precision, slow_precision),
    ],
)
def test_a_figure_is_its_mean_over_all_orders_of_the_tied_products(fast, figure, k, seed):
    scores, candidates, taken = drawn(seed)
    found = ranking.ranks(scores, taken, candidates)
    np.testing.assert_allclose(fast(found, k), slow(figure, seed, k))


def test_the_reciprocal_rank_and_the_precision_of_one_product_are_the_same():
    scores, candidates, taken = drawn(3, several=False)
    found = ranking.ranks(scores, taken, candidates)
    expected = slow(lambda o, t, k: 1 / (1 + o.index(0)), 3, PRODUCTS, several=False)
    np.testing.assert_allclose(ranking.reciprocal_rank(found), expected)
    np.testing.assert_allclose(ranking.average_precision(found), expected)
    with pytest.raises(InputError, match="several relevant products"):
        ranking.reciprocal_rank(ranking.ranks(*drawn(3)[::2]))


def test_one_number_for_every_product_is_worth_what_chance_is():
    found = ranking.ranks(np.zeros((3, 200)), np.array([0, 100, 199]))
    np.testing.assert_allclose(ranking.hit_rate(found, 10), 10 / 200)
    np.testing.assert_allclose(ranking.recall(found, 10), 10 / 200)


def test_integers_name_one_product_and_parts_of_a_large_matrix_add_up(monkeypatch):
    rng = np.random.default_rng(0)
    scores, item = rng.random((40, 30)), rng.integers(0, 30, 40)
    whole = ranking.ranks(scores, item)
    assert whole.above.tolist() == [int((s > s[i]).sum()) for s, i in zip(scores, item, strict=True)]
    monkeypatch.setattr(ranking, "CELLS", 100)
    assert ranking.ranks(scores, item).above.tolist() == whole.above.tolist()


def test_lists_leave_out_what_is_no_candidate_and_break_ties_by_chance():
    scores = np.array([[3.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    candidates = np.array([[False, True, True], [True, True, True]])
    assert ranking.top_k(scores, 3, candidates)[0].tolist() == [1, 2, -1]
    firsts = {int(ranking.top_k(scores, 1, random_state=seed)[1, 0]) for seed in range(30)}
    assert firsts == {0, 1, 2}


def test_coverage_novelty_and_diversity_worked_by_hand():
    lists = np.array([[0, 1], [0, -1]])
    assert ranking.coverage(lists, 4) == 0.5
    # shares 1/2, 1/8, 1/2 of eight customers: 1, 3 and 1 bits; nobody had product 3: as if one had
    assert ranking.novelty(lists, np.array([4, 1, 2, 0]), 8) == pytest.approx(5 / 3)
    assert ranking.novelty(np.array([[3]]), np.array([4, 1, 2, 0]), 8) == 3
    vectors = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    assert ranking.diversity(lists, vectors) == pytest.approx(1 - 1 / math.sqrt(2))
    three = np.array([[0, 1, 2]])
    assert ranking.diversity(three, vectors) == pytest.approx(1 - 1 / math.sqrt(2) / 3)


@pytest.mark.parametrize(
    ("scores", "relevant", "candidates", "said"),
    [
        ([[1.0, np.nan]], [0], None, "1 of them are NaN"),
        ([[1.0, 2.0]], [2], None, "one product 0 to 1"),
        ([[1.0, 2.0]], [[1, 0]], None, "truth values of the same shape"),
        ([[1.0, 2.0]], [0], [[False, True]], "1 are no candidates"),
    ],
)
def test_what_is_no_ranking_is_refused(scores, relevant, candidates, said):
    allowed = None if candidates is None else np.array(candidates)
    with pytest.raises(InputError, match=said):
        ranking.ranks(np.array(scores), np.array(relevant), allowed)


def test_no_place_is_refused():
    found = ranking.ranks(np.zeros((1, 2)), np.array([0]))
    with pytest.raises(InputError, match="first 0 products"):
        ranking.ndcg(found, 0)
