"""Rankings of products: figures by length of the list, against lists made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bezant.evidence.rankings import LENGTHS, RankingEvaluation, cutoff_of, judge_rankings


@pytest.fixture(scope="module")
def judged() -> tuple[RankingEvaluation, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    n, p = 80, 40
    taken = rng.integers(0, p, n)
    candidates = rng.random((n, p)) < 0.8
    candidates[np.arange(n), taken] = True
    good = rng.random((n, p))
    good[np.arange(n), taken] += 0.5
    scores = {"bezant": good, "by the letter": np.tile(-np.arange(p, dtype=float), (n, 1))}
    return judge_rankings(scores, taken, candidates, "bezant"), scores, taken, candidates


def test_hits_and_coverage_are_those_of_lists_made_by_hand(judged):
    found, scores, taken, candidates = judged
    for model, curve in found.curves.items():
        assert curve.length == tuple(k for k in LENGTHS if k < 40)
        order = np.argsort(-np.where(candidates, scores[model], -np.inf), axis=1)
        for i, k in enumerate(curve.length):
            hits = (order[:, :k] == taken[:, None]).any(axis=1)
            assert curve.hit_rate[i] == pytest.approx(hits.mean())
            assert curve.low[i] <= curve.hit_rate[i] <= curve.high[i]
            named = {int(j) for row, own in zip(order, candidates, strict=True) for j in row[:k] if own[j]}
            assert curve.coverage[i] == pytest.approx(len(named) / 40)
            assert curve.by_chance[i] == pytest.approx(np.mean(np.minimum(k / candidates.sum(1), 1)))


def test_hits_at_ten_are_the_hit_rate_of_the_table(judged):
    found = judged[0]
    for model, curve in found.curves.items():
        assert curve.hit_rate[curve.length.index(10)] == found.figures[model]["hit_rate@10"].value


def test_an_evaluation_keeps_its_curves_through_json_and_an_older_one_has_none(judged):
    found = judged[0]
    said = json.loads(json.dumps(found.document()))
    assert RankingEvaluation.restore(said) == found
    del said["curves"], said["cutoff"]
    assert RankingEvaluation.restore(said).curves == {} and RankingEvaluation.restore(said).cutoff == 10


def test_figures_look_at_a_third_of_the_products_at_most():
    assert [cutoff_of(n) for n in (2, 8, 9, 10, 14, 15, 29, 30, 1682)] == [1, 1, 3, 3, 3, 5, 5, 10, 10]
    rng = np.random.default_rng(0)
    scores = {"bezant": rng.random((50, 10)), "by the letter": np.tile(-np.arange(10.0), (50, 1))}
    taken = rng.integers(0, 10, 50)
    found = judge_rankings(scores, taken, np.ones((50, 10), bool), "bezant")
    assert list(found.labels) == list(found.figures["bezant"]) == ["ndcg@3", "hit_rate@3", "reciprocal_rank"]
    top = np.argsort(-scores["bezant"], axis=1)[:, :3]
    assert found.figures["bezant"]["hit_rate@3"].value == np.mean((top == taken[:, None]).any(axis=1)) < 1
    assert "NDCG@3" in found.verdict
    assert RankingEvaluation.restore(json.loads(json.dumps(found.document()))) == found


def test_two_products_make_lists_of_one():
    found = judge_rankings({"bezant": np.eye(2)}, np.array([0, 1]), np.ones((2, 2), bool), "bezant")
    assert found.curves["bezant"].length == (1,)
    assert found.curves["bezant"].hit_rate == (1.0,)
