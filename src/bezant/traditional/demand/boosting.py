"""LightGBM on recency, frequency and money: what people did after an earlier cut, asked again at this one."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from bezant.schema.words import counted
from bezant.traditional.demand.model import Demand
from bezant.traditional.demand.purchases import DAYS, Purchases, Summary, summarise
from bezant.traditional.model import refuse_unfitted, threads_for
from bezant.types import FloatArray, InputError

FEWEST_CUSTOMERS = 50
OBJECTIVES = {"count": "poisson", "spend": "tweedie", "active": "binary"}


class DemandBoosting:
    """Three gradient-boosted models: of the count, the spend and whether anything is bought.

    The outcomes that it learns from lie between an earlier cut and this one. Where the log is too short
    for a whole horizon before the cut, it is divided in the proportion of age to horizon, and times are
    measured in horizons, so that the earlier question is the same one on a smaller scale.

    Parameters
    ----------
    trees : int, default 150
    learning_rate : float, default 0.03
    leaves : int, default 8
    fewest : int, default 50
        Customers in a leaf.
    random_state : int, default 0
    """

    key: ClassVar[str] = "demand_boosting"
    name: ClassVar[str] = "LightGBM on recency, frequency, money"

    def __init__(
        self,
        *,
        trees: int = 150,
        learning_rate: float = 0.03,
        leaves: int = 8,
        fewest: int = 50,
        random_state: int = 0,
    ) -> None:
        self.trees, self.learning_rate, self.leaves = trees, learning_rate, leaves
        self.fewest, self.random_state = fewest, random_state

    def fit(self, bought: Purchases, cut: np.datetime64, horizon: float) -> Self:
        """Learn from the customers who had bought before the earlier cut."""
        import lightgbm

        known = bought.until(cut)  # nothing from the cut on is ever looked at
        earlier, weeks = earlier_cut(known.day.min(), cut.astype(DAYS), horizon)
        summary = summarise(known, earlier)
        if len(summary) < FEWEST_CUSTOMERS:
            raise InputError(
                f"Only {counted(len(summary), 'customer')} bought before {earlier}; give at least "
                f"{FEWEST_CUSTOMERS}, or a later cut."
            )
        count, spend = known.between(earlier, cut.astype(DAYS), summary.names)
        outcomes = {"count": count, "spend": np.maximum(spend, 0.0), "active": count > 0}
        x = features(summary, weeks)
        self.models_: dict[str, Any] = {
            name: lightgbm.train(
                self._settings(objective, len(x)),
                lightgbm.Dataset(x, np.asarray(outcomes[name], np.float64)),
                self.trees,
            )
            for name, objective in OBJECTIVES.items()
        }
        self.notes_ = (f"Learned from {len(x)} customers' {weeks:.1f} weeks from {earlier} on.",)
        return self

    def _settings(self, objective: str, rows: int) -> dict[str, Any]:
        return {
            "objective": objective,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.fewest,
            "seed": self.random_state,
            "num_threads": threads_for(rows, None),
            "deterministic": True,
            "verbosity": -1,
        }

    def predict(self, bought: Purchases, cut: np.datetime64, horizon: float) -> Demand:
        """Ask the same question at this cut."""
        refuse_unfitted(self, "models_", self.name)
        summary = summarise(bought, cut)
        found = {name: np.asarray(m.predict(features(summary, horizon))) for name, m in self.models_.items()}
        return Demand(summary.names, found["count"], found["spend"], found["active"])


def earlier_cut(start: np.datetime64, cut: np.datetime64, horizon: float) -> tuple[np.datetime64, float]:
    """Return the cut at which the same question can be asked of what is known, and its horizon in weeks.

    A whole horizon before the cut if twice that is known, else where age and horizon are in proportion.
    """
    span = (cut - start) / np.timedelta64(7, "D")
    weeks = horizon if span >= 2 * horizon else span * horizon / (span + horizon)
    days = max(1, round(weeks * 7))
    return cut - np.timedelta64(days, "D"), days / 7


def features(summary: Summary, horizon: float) -> FloatArray:
    """Return recency, frequency and money with times in horizons, shape (n, 7)."""
    age = np.maximum(summary.age, 1 / 7) / horizon
    recency = summary.recency / horizon
    return np.stack(
        [
            summary.frequency,
            recency,
            age,
            age - recency,
            summary.frequency / age,
            summary.money,
            summary.first,
        ],
        axis=1,
    )
