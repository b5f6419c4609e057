"""How well products were ranked for customers, models beside each other on the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bezant.metrics import ranking
from bezant.metrics.checks import Floats
from bezant.types import BoolArray, FloatArray, IntArray

FIGURES = ("ndcg@10", "hit_rate@10", "reciprocal_rank")
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class RankedFigure:
    """A mean over customers with its 95 % interval (normal approximation)."""

    value: float
    low: float
    high: float


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
        By model, then by figure (:data:`FIGURES`).
    differences : mapping of str to RankedFigure
        NDCG@10 of the large model less that of each other one, customer by customer.
    """

    rows: int
    large: str
    figures: Mapping[str, Mapping[str, RankedFigure]]
    differences: Mapping[str, RankedFigure]

    @property
    def verdict(self) -> str:
        """One sentence on whether the large model ranks better than the best of the others."""
        if not self.differences:
            return f"{self.large} was judged on {self.rows} customers, beside no other model."
        best = min(self.differences, key=lambda name: self.differences[name].value)
        gap, own = self.differences[best], self.figures[self.large]["ndcg@10"].value
        figures = f"NDCG@10 {own:.3f} to {self.figures[best]['ndcg@10'].value:.3f}, {self.rows} customers"
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
        return cls(document["rows"], document["large"], figures, differences)


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
    values = {model: _values(ranking.ranks(s, taken, candidates)) for model, s in scores.items()}
    figures = {model: {name: _mean(v) for name, v in own.items()} for model, own in values.items()}
    own = values[large]["ndcg@10"]
    differences = {m: _mean(own - v["ndcg@10"]) for m, v in values.items() if m != large}
    return RankingEvaluation(len(taken), large, figures, differences)


def _values(found: ranking.Ranks) -> dict[str, Floats]:
    return {
        "ndcg@10": ranking.ndcg(found),
        "hit_rate@10": ranking.hit_rate(found),
        "reciprocal_rank": ranking.reciprocal_rank(found),
    }


def _mean(values: Floats) -> RankedFigure:
    mean, half = float(values.mean()), NORMAL_95 * float(values.std() / np.sqrt(max(len(values), 1)))
    return RankedFigure(mean, mean - half, mean + half)
