"""One LightGBM a product, from what else a customer owns and who the customer is: no order, no time."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from bezant.traditional.model import refuse_unfitted, threads_for
from bezant.types import BoolArray, FloatArray, InputError


class OwnedSetBoosting:
    """LightGBM one against the rest: the probability of owning each product, given the others.

    Parameters
    ----------
    trees : int, default 60
    learning_rate : float, default 0.05
    leaves : int, default 15
    fewest : int, default 20
        Customers in a leaf.
    random_state : int, default 0
    """

    key: ClassVar[str] = "owned_set_boosting"
    name: ClassVar[str] = "LightGBM one-vs-rest"

    def __init__(
        self,
        *,
        trees: int = 60,
        learning_rate: float = 0.05,
        leaves: int = 15,
        fewest: int = 20,
        random_state: int = 0,
    ) -> None:
        self.trees, self.learning_rate, self.leaves = trees, learning_rate, leaves
        self.fewest, self.random_state = fewest, random_state

    def fit(self, owned: BoolArray, profile: FloatArray) -> Self:
        """Learn one model a product; one that nobody or everybody owns is a constant.

        Parameters
        ----------
        owned : bool array of shape (n, p)
        profile : float array of shape (n, q)
            Whatever else is known of the customers; q may be 0.
        """
        import lightgbm

        settings = {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.fewest,
            "seed": self.random_state,
            "num_threads": threads_for(len(owned), None),
            "deterministic": True,
            "verbosity": -1,
        }
        self.shares_: FloatArray = owned.mean(axis=0)
        self.models_: list[Any] = []
        for k in range(owned.shape[1]):
            data = lightgbm.Dataset(_without(owned, profile, k), owned[:, k].astype(float))
            mixed = 0 < self.shares_[k] < 1
            self.models_.append(lightgbm.train(settings, data, self.trees) if mixed else None)
        return self

    def scores(self, owned: BoolArray, profile: FloatArray) -> FloatArray:
        """Return the probability of each product, given the *other* products owned, shape (n, p)."""
        refuse_unfitted(self, "models_", self.name)
        if owned.shape[1] != len(self.models_):
            raise InputError(
                f"There are {owned.shape[1]} products, but {len(self.models_)} were learned; give those."
            )
        values = [
            np.full(len(owned), self.shares_[k])
            if model is None
            else np.asarray(model.predict(_without(owned, profile, k)))
            for k, model in enumerate(self.models_)
        ]
        return np.stack(values, axis=1)


def _without(owned: BoolArray, profile: FloatArray, k: int) -> FloatArray:
    return np.hstack([np.delete(owned, k, axis=1).astype(np.float64), profile])
