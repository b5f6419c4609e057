"""LightGBM that corrects what a model of repeat purchases expects: of counts, activity and amounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from bezant.traditional.model import refuse_unfitted, threads_for
from bezant.types import FloatArray

OBJECTIVES = ("poisson", "binary", "gamma")
"""Of the count, of any purchase, and of the mean amount of one."""

MOST_PURCHASES = 5.0
"""A mean amount weighs as so many purchases at most."""

REACH = 2.0
"""Largest correction of a logarithm or of log-odds."""


class BoostedCorrections:
    """Three boosted models that start from what was expected and learn what is to be added to it.

    Each tree sees half of the rows and each half of the fields, for the few customers who buy most would
    otherwise be learned by heart.

    Parameters
    ----------
    trees : int, default 150
    learning_rate : float, default 0.03
    leaves : int, default 6
    fewest : int, default 100
        Customers in a leaf.
    random_state : int, default 0
    """

    def __init__(
        self,
        *,
        trees: int = 150,
        learning_rate: float = 0.03,
        leaves: int = 6,
        fewest: int = 100,
        random_state: int = 0,
    ) -> None:
        self.trees, self.learning_rate, self.leaves = trees, learning_rate, leaves
        self.fewest, self.random_state = fewest, random_state

    def fit(self, x: FloatArray, offsets: FloatArray, count: FloatArray, amount: FloatArray) -> Self:
        """Learn from customers whose outcome is known.

        Parameters
        ----------
        x : float array of shape (n, d)
            What was known of each.
        offsets : float array of shape (n, 3)
            Expected log count, log-odds of any purchase, and log amount of one.
        count, amount : float arrays of shape (n,)
            What happened; the mean amount of a purchase is not read where there was none.
        """
        bought = (count > 0) & (amount > 0)
        everyone, weight = np.ones(len(x), bool), np.minimum(count, MOST_PURCHASES)
        told = ((everyone, count, None), (everyone, (count > 0).astype(np.float64), None))
        parts = (*told, (bought, amount, weight))
        self.models_: tuple[Any, ...] = tuple(
            self._trained(objective, x[rows], y[rows], offsets[rows, i], None if w is None else w[rows])
            for i, (objective, (rows, y, w)) in enumerate(zip(OBJECTIVES, parts, strict=True))
        )
        return self

    def _trained(
        self, objective: str, x: FloatArray, y: FloatArray, start: FloatArray, weight: FloatArray | None
    ) -> Any:
        import lightgbm

        settings = {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.fewest,
            "bagging_fraction": 0.5,
            "bagging_freq": 1,
            "feature_fraction": 0.5,
            "seed": self.random_state,
            "num_threads": threads_for(len(x), None),
            "deterministic": True,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(x, y, weight=weight, init_score=start)
        return lightgbm.train(settings, rows, self.trees) if len(x) > 4 * self.fewest else None

    def predict(self, x: FloatArray) -> FloatArray:
        """Return what is to be added to the expected log count, log-odds and log amount, (n, 3).

        Where a part had too few rows to learn from, nothing is.
        """
        refuse_unfitted(self, "models_", "The boosted correction")
        found = [
            np.zeros(len(x)) if model is None else np.asarray(model.predict(x, raw_score=True))
            for model in self.models_
        ]
        return np.asarray(np.clip(np.stack(found, axis=1), -REACH, REACH))

    def texts(self) -> list[str | None]:
        """Return the models as LightGBM writes them, ready to be saved."""
        refuse_unfitted(self, "models_", "The boosted correction")
        return [None if model is None else model.model_to_string() for model in self.models_]

    @classmethod
    def restore(cls, texts: Sequence[str | None]) -> BoostedCorrections:
        """Build it again from :meth:`texts`."""
        import lightgbm

        found = cls()
        found.models_ = tuple(None if t is None else lightgbm.Booster(model_str=t) for t in texts)
        return found
