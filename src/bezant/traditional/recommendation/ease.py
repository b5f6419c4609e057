"""A linear model of each product by all others, in closed form."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from bezant.traditional.model import refuse_unfitted
from bezant.traditional.recommendation.interactions import Interactions
from bezant.types import FloatArray, InputError


class Ease:
    """EASE: ridge regression of every product on all others, its own weight held at 0.

    Parameters
    ----------
    penalty : float, default 300
        Of the squared weights; above 0.
    half_life : float, optional
        Events before the end of a history after which its weight is half, when scored; default 10.

    References
    ----------
    Steck (2019), "Embarrassingly shallow autoencoders for sparse data", WWW, equation 8.
    """

    key: ClassVar[str] = "ease"
    name: ClassVar[str] = "EASE"

    def __init__(self, *, penalty: float = 300.0, half_life: float | None = 10.0) -> None:
        self.penalty, self.half_life = penalty, half_life

    def fit(self, events: Interactions) -> Self:
        """Solve for the weights: one inverse of a p x p matrix."""
        if self.penalty <= 0:
            raise InputError(f"The penalty of EASE is {self.penalty}; give a number above 0.")
        taken = events.weighted()
        gram = np.asarray((taken.T @ taken).todense())
        gram[np.diag_indices_from(gram)] += self.penalty
        precision = np.linalg.inv(gram)
        weights = -precision / np.diag(precision)
        np.fill_diagonal(weights, 0.0)
        self.weights_ = weights
        return self

    def scores(self, events: Interactions) -> FloatArray:
        """Return the weighted sums of each history's products, shape (n, p)."""
        refuse_unfitted(self, "weights_", self.name)
        return np.asarray(events.weighted(self.half_life) @ self.weights_)
