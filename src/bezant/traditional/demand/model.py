"""What every traditional model of demand can do, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from bezant.traditional.demand.purchases import Purchases
from bezant.types import AnyArray, FloatArray, InputError


@dataclass(frozen=True, eq=False)
class Demand:
    """What customers are expected to do over a horizon.

    Attributes
    ----------
    names : array of shape (n,)
        The customers.
    count : float array of shape (n,)
        Expected days with a purchase.
    spend : float array of shape (n,)
        Expected sum of amounts.
    active : float array of shape (n,)
        Probability of at least one purchase.
    """

    names: AnyArray
    count: FloatArray
    spend: FloatArray
    active: FloatArray

    def __post_init__(self) -> None:
        for name in ("count", "spend", "active"):
            values = getattr(self, name)
            if values.shape != (len(self.names),) or not np.isfinite(values).all():
                raise InputError(f"The {name} of {len(self.names)} customers must be one finite number each.")
        if (self.count < 0).any() or (self.active < 0).any() or (self.active > 1).any():
            raise InputError("An expected count is not negative, and a probability lies in [0, 1].")


class DemandModel(Protocol):
    """A peer of the large model of demand."""

    @property
    def key(self) -> str:
        """Its stable name."""
        ...

    @property
    def name(self) -> str:
        """Its name in tables and reports."""
        ...

    def fit(self, bought: Purchases, cut: np.datetime64, horizon: float) -> Self:
        """Learn from what is known before the cut; ``horizon`` (weeks) is what will be asked for."""
        ...

    def predict(self, bought: Purchases, cut: np.datetime64, horizon: float) -> Demand:
        """Answer for everyone who bought before the cut, over ``horizon`` weeks from it on."""
        ...
