"""Alternating least squares on what was taken, by the package implicit."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from bezant.traditional.model import refuse_unfitted
from bezant.traditional.recommendation.interactions import Interactions
from bezant.types import FloatArray, MissingExtraError


class Factorization:
    """ALS of implicit feedback; a history's own factors are solved for anew when it is scored.

    Parameters
    ----------
    factors : int, default 64
    penalty : float, default 0.1
    confidence : float, default 5
        A product that was taken weighs 1 + confidence, one that was not weighs 1.
    half_life : float, optional
        Events before the end of a history after which confidence is half, when scored; default 10.
    iterations : int, default 15
    random_state : int, default 0

    Raises
    ------
    MissingExtraError
        If the package implicit is not installed.

    References
    ----------
    Hu, Koren and Volinsky (2008), "Collaborative filtering for implicit feedback datasets", ICDM.
    """

    key: ClassVar[str] = "factorization"
    name: ClassVar[str] = "ALS (implicit)"

    def __init__(
        self,
        *,
        factors: int = 64,
        penalty: float = 0.1,
        confidence: float = 5.0,
        half_life: float | None = 10.0,
        iterations: int = 15,
        random_state: int = 0,
    ) -> None:
        self.factors, self.penalty, self.confidence = factors, penalty, confidence
        self.half_life, self.iterations, self.random_state = half_life, iterations, random_state

    def fit(self, events: Interactions) -> Self:
        """Learn the factors of products and customers in turns."""
        try:
            from implicit.cpu.als import AlternatingLeastSquares
        except ImportError as error:
            raise MissingExtraError("implicit", "customers", "ALS") from error
        model = AlternatingLeastSquares(
            factors=self.factors,
            regularization=self.penalty,
            iterations=self.iterations,
            random_state=self.random_state,
            num_threads=1,
            use_cg=False,
        )
        model.fit(self._confidences(events, None), show_progress=False)
        self.products_ = np.asarray(model.item_factors, np.float64)  # (p, factors)
        return self

    def _confidences(self, events: Interactions, half_life: float | None) -> Any:
        from scipy.sparse import csr_matrix

        taken = events.weighted(half_life)
        return csr_matrix(taken * (1.0 + self.confidence)).astype(np.float32)

    def scores(self, events: Interactions) -> FloatArray:
        """Return the inner products of each history's factors with the products', shape (n, p)."""
        refuse_unfitted(self, "products_", self.name)
        taken = events.weighted(self.half_life).tocsr()
        y = self.products_
        gram = y.T @ y + self.penalty * np.eye(y.shape[1])
        solved = np.zeros((len(events), y.shape[1]))
        for i in range(len(events)):
            part = slice(taken.indptr[i], taken.indptr[i + 1])
            own, extra = y[taken.indices[part]], self.confidence * taken.data[part]
            solved[i] = np.linalg.solve(gram + (own.T * extra) @ own, own.T @ (1.0 + extra))
        return np.asarray(solved @ y.T)
