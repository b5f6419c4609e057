"""What every traditional recommender can do."""

from __future__ import annotations

from typing import ClassVar, Protocol, Self

from bezant.traditional.recommendation.interactions import Interactions
from bezant.types import FloatArray


class Recommender(Protocol):
    """A peer of the large recommender: learns from events, scores every product for any history."""

    key: ClassVar[str]
    """Its stable name."""
    name: ClassVar[str]
    """Its name in tables and reports."""

    def fit(self, events: Interactions) -> Self:
        """Learn from the events of all customers."""
        ...

    def scores(self, events: Interactions) -> FloatArray:
        """Return a score of every product for each history, shape (n, p); higher is likelier to come next.

        The histories may be of customers that ``fit`` never saw; the products are the same ones. Products
        that a customer owns are scored too: who asks decides whether they may be recommended.
        """
        ...
