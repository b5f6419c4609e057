"""Which products follow which: weighted counts of what came soon after."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from bezant.traditional.model import refuse_unfitted
from bezant.traditional.recommendation.interactions import Interactions
from bezant.types import FloatArray


class SequentialRules:
    """Rules "after a comes b", counted over the next events and applied to the latest ones.

    Parameters
    ----------
    steps : int, default 20
        How many events after a product count for it; what comes d events later counts ``d ** -fade``.
    fade : float, default 0.5
        0 counts all of them alike.
    half_life : float, default 3
        Events before the end of a history after which a rule's weight is half.
    popularity : float, default 0.5
        Rules into a product are divided by its number of events to this power: 0 favours popular
        products, 1 those that hardly ever come otherwise.

    References
    ----------
    Ludewig and Jannach (2018), "Evaluation of session-based recommendation algorithms", UMUAI 28,
    section 3.1 (SR); the decay over the history is added here.
    """

    key: ClassVar[str] = "sequential_rules"
    name: ClassVar[str] = "Sequential rules"

    def __init__(
        self, *, steps: int = 20, fade: float = 0.5, half_life: float = 3.0, popularity: float = 0.5
    ) -> None:
        self.steps, self.fade, self.half_life, self.popularity = steps, fade, half_life, popularity

    def fit(self, events: Interactions) -> Self:
        """Count the transitions of all customers."""
        from scipy.sparse import coo_array

        p, customer = len(events.products), events.customer
        rules: Any = coo_array((p, p)).tocsr()
        for d in range(1, min(self.steps, len(customer) - 1) + 1):
            same = customer[d:] == customer[:-d]
            pairs = (events.product[:-d][same], events.product[d:][same])
            rules = rules + coo_array((np.full(len(pairs[0]), d**-self.fade), pairs), shape=(p, p)).tocsr()
        count = np.maximum(np.bincount(events.product, minlength=p), 1.0)
        self.rules_ = (rules / count[None, :] ** self.popularity).tocsr()
        return self

    def scores(self, events: Interactions) -> FloatArray:
        """Return the weighted sum of the rules of each history's products, shape (n, p)."""
        refuse_unfitted(self, "rules_", self.name)
        return np.asarray((events.weighted(self.half_life) @ self.rules_).todense())
