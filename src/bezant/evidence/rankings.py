"""How well products were ranked for customers, models beside each other on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from bezant.metrics import ranking
from bezant.metrics.checks import Floats
from bezant.types import BoolArray, FloatArray, IntArray

USUAL_CUTOFF, LEAST_RANGE = 10, 3
"""Places of a list that figures look at where there are 3 times as many products, or more."""

NORMAL_95 = 1.959964

LENGTHS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)
"""Lengths of the lists whose hits and variety are told."""

CELLS = 4_000_000
"""Scores sorted at once; bounds the memory to some 100 MB."""


@dataclass(frozen=True)
class RankedFigure:
    """A mean over customers with its 95 % interval (normal approximation)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ListCurves:
    """What lists of several lengths find and show, of one model.

    Attributes
    ----------
    length : tuple of int
    hit_rate, low, high : tuple of float
        Share of the customers whose product is in their list, with its 95 % interval.
    coverage : tuple of float
        Share of all products that stand in somebody's list.
    by_chance : tuple of float
        Hit rate of a list drawn at random.
    """

    length: tuple[int, ...]
    hit_rate: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    coverage: tuple[float, ...]
    by_chance: tuple[float, ...]


@dataclass(frozen=True)
class RankingEvaluation:
    """Figures of every model on the same customers, each with one product held out.

    Attributes
    ----------
    rows : int
        Customers judged.
    large : str
        Name of the large model.
    figures : mapping of str to mapping of str to RankedFigure
        By model, then by figure: ``ndcg@k``, ``hit_rate@k`` (k is the cutoff), ``reciprocal_rank``.
    differences : mapping of str to RankedFigure
        NDCG of the large model less that of each other one, customer by customer.
    curves : mapping of str to ListCurves
        By model; empty of models saved before they were kept.
    cutoff : int, default 10
        Places of a list that NDCG and hit rate look at; see :func:`cutoff_of`.
    """

    rows: int
    large: str
    figures: Mapping[str, Mapping[str, RankedFigure]]
    differences: Mapping[str, RankedFigure]
    curves: Mapping[str, ListCurves] = field(default_factory=dict)
    cutoff: int = USUAL_CUTOFF

    @property
    def labels(self) -> dict[str, str]:
        """What the figures are called, by their keys; the first is the one that models are compared by."""
        k = self.cutoff
        ndcg, hits = f"ndcg@{k}", f"hit_rate@{k}"
        return {ndcg: f"NDCG@{k}", hits: f"Hit rate@{k}", "reciprocal_rank": "Mean reciprocal rank"}

    @property
    def verdict(self) -> str:
        """One sentence on whether the large model ranks better than the best of the others."""
        if not self.differences:
            return f"{self.large} was judged on {self.rows} customers, beside no other model."
        best = min(self.differences, key=lambda name: self.differences[name].value)
        key = f"ndcg@{self.cutoff}"
        gap, own, other = self.differences[best], self.figures[self.large][key], self.figures[best][key]
        figures = f"NDCG@{self.cutoff} {own.value:.3f} to {other.value:.3f}, {self.rows} customers"
        if gap.low > 0:
            return f"{self.large} ranks better than {best}, the best of the others ({figures})."
        if gap.high < 0:
            return f"{self.large} ranks worse than {best}, which should be used instead ({figures})."
        return f"{self.large} and {best} cannot be told apart ({figures})."

    def document(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> RankingEvaluation:
        """Build it again from :meth:`document`."""
        figures = {
            model: {name: RankedFigure(**f) for name, f in own.items()}
            for model, own in document["figures"].items()
        }
        differences = {model: RankedFigure(**f) for model, f in document["differences"].items()}
        curves = {
            model: ListCurves(**{name: tuple(values) for name, values in own.items()})
            for model, own in document.get("curves", {}).items()
        }
        cutoff = document.get("cutoff", USUAL_CUTOFF)
        return cls(document["rows"], document["large"], figures, differences, curves, cutoff)


def cutoff_of(products: int) -> int:
    """Return how many places of a list figures look at: 10, 5, 3 or 1, a third of the products at most.

    Of 10 products a list of 10 holds every one: all models would have a hit rate of 1.
    """
    return next((k for k in (USUAL_CUTOFF, 5, 3) if LEAST_RANGE * k <= products), 1)


def judge_rankings(
    scores: Mapping[str, FloatArray], taken: IntArray, candidates: BoolArray, large: str
) -> RankingEvaluation:
    """Judge the scores of several models by where the product taken stands.

    Parameters
    ----------
    scores : mapping of str to float array of shape (n, p)
        By model.
    taken : int array of shape (n,)
        The product of each customer that was held out; a candidate.
    candidates : bool array of shape (n, p)
        Products that are ranked.
    large : str
        The model whose differences from the others are taken.
    """
    ranks = {model: ranking.ranks(s, taken, candidates) for model, s in scores.items()}
    cutoff = cutoff_of(candidates.shape[1])
    values = {model: _values(found, cutoff) for model, found in ranks.items()}
    figures = {model: {name: _mean(v) for name, v in own.items()} for model, own in values.items()}
    key = f"ndcg@{cutoff}"
    differences = {m: _mean(values[large][key] - v[key]) for m, v in values.items() if m != large}
    curves = {model: _curves(found, scores[model], candidates) for model, found in ranks.items()}
    return RankingEvaluation(len(taken), large, figures, differences, curves, cutoff)


def _curves(found: ranking.Ranks, scores: FloatArray, candidates: BoolArray) -> ListCurves:
    products = candidates.shape[1]
    lengths = tuple(k for k in LENGTHS if k < products) or (1,)
    hits = [_mean(ranking.hit_rate(found, k)) for k in lengths]
    lists = _lists(scores, candidates, lengths[-1])
    chance = [np.minimum(k / candidates.sum(axis=1), 1.0).mean() for k in lengths]
    return ListCurves(
        lengths,
        tuple(h.value for h in hits),
        tuple(max(h.low, 0.0) for h in hits),
        tuple(min(h.high, 1.0) for h in hits),
        tuple(ranking.coverage(lists[:, :k], products) for k in lengths),
        tuple(float(c) for c in chance),
    )


def _lists(scores: FloatArray, candidates: BoolArray, k: int) -> IntArray:
    """Return each customer's first k products, some customers at a time to spare memory."""
    step = max(1, CELLS // candidates.shape[1])
    parts = [slice(start, start + step) for start in range(0, len(scores), step)]
    return np.concatenate([ranking.top_k(scores[p], k, candidates[p]) for p in parts])


def _values(found: ranking.Ranks, cutoff: int) -> dict[str, Floats]:
    return {
        f"ndcg@{cutoff}": ranking.ndcg(found, cutoff),
        f"hit_rate@{cutoff}": ranking.hit_rate(found, cutoff),
        "reciprocal_rank": ranking.reciprocal_rank(found),
    }


def _mean(values: Floats) -> RankedFigure:
    mean, half = float(values.mean()), NORMAL_95 * float(values.std() / np.sqrt(max(len(values), 1)))
    return RankedFigure(mean, mean - half, mean + half)
