"""Products that the same customers took: nearest neighbours by cosine."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from bezant.traditional.model import refuse_unfitted
from bezant.traditional.recommendation.interactions import Interactions
from bezant.types import FloatArray


class ItemNeighbours:
    """Item-kNN: a history's products vote for those that the same customers took.

    Parameters
    ----------
    neighbours : int, default 200
        Most similar products that each product votes for.
    half_life : float, default 5
        Events before the end of a history after which a vote is half.
    shrinkage : float, default 10
        Added to the product of the norms, so that two rare products are not alike by chance.

    References
    ----------
    Sarwar et al. (2001), "Item-based collaborative filtering recommendation algorithms", WWW.
    """

    key: ClassVar[str] = "item_neighbours"
    name: ClassVar[str] = "Item-kNN"

    def __init__(
        self, *, neighbours: int = 200, half_life: float | None = 5.0, shrinkage: float = 10.0
    ) -> None:
        self.neighbours, self.half_life, self.shrinkage = neighbours, half_life, shrinkage

    def fit(self, events: Interactions) -> Self:
        """Learn the similarities of all pairs of products."""
        from scipy.sparse import csr_array

        taken = events.weighted()
        both = np.asarray((taken.T @ taken).todense())
        norm = np.sqrt(np.diag(both))
        scale = np.outer(norm, norm) + self.shrinkage
        similar = both / np.where(scale > 0, scale, 1.0)  # a product that nobody took is like none
        np.fill_diagonal(similar, 0.0)
        if self.neighbours < len(similar):
            least = -np.partition(-similar, self.neighbours - 1, axis=1)[:, self.neighbours - 1]
            similar[similar < least[:, None]] = 0.0
        self.similar_: Any = csr_array(similar)
        return self

    def scores(self, events: Interactions) -> FloatArray:
        """Return the votes of each history's products, shape (n, p)."""
        refuse_unfitted(self, "similar_", self.name)
        return np.asarray((events.weighted(self.half_life) @ self.similar_).todense())
