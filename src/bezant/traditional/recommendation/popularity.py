"""The products that most customers took, lately above all."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from bezant.traditional.model import refuse_unfitted
from bezant.traditional.recommendation.interactions import Interactions
from bezant.types import FloatArray


class Popularity:
    """The same ranking for everyone: how often each product was taken.

    Parameters
    ----------
    half_life : float, optional
        Days before the last event of all after which an event counts half; default all count 1.
    """

    key: ClassVar[str] = "popularity"
    name: ClassVar[str] = "Popularity"

    def __init__(self, *, half_life: float | None = None) -> None:
        self.half_life = half_life

    def fit(self, events: Interactions) -> Self:
        """Count the events of each product."""
        age = events.day.max(initial=-np.inf) - events.day
        weights = np.ones(len(age)) if self.half_life is None else 0.5 ** (age / self.half_life)
        self.counts_ = np.bincount(events.product, weights, minlength=len(events.products))
        return self

    def scores(self, events: Interactions) -> FloatArray:
        """Return the counts for each history, shape (n, p)."""
        refuse_unfitted(self, "counts_", self.name)
        return np.broadcast_to(self.counts_, (len(events), len(self.counts_)))
