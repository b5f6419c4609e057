"""A model of repeat purchases with Gamma-Gamma spend, as one model of demand."""

from __future__ import annotations

from typing import Protocol, Self

import numpy as np

from bezant.traditional.demand.bg_nbd import BgNbd
from bezant.traditional.demand.likelihood import Parameters, maximise
from bezant.traditional.demand.model import Demand
from bezant.traditional.demand.pareto_nbd import ParetoNbd
from bezant.traditional.demand.purchases import Purchases, summarise
from bezant.traditional.demand.spend import GammaGamma
from bezant.traditional.model import refuse_unfitted
from bezant.types import FloatArray


class RepeatPurchases(Protocol):
    """A law of repeat purchases and of leaving, with four parameters: BG/NBD or Pareto/NBD."""

    @property
    def key(self) -> str:
        """Its stable name."""
        ...

    @property
    def name(self) -> str:
        """Its name in tables and reports."""
        ...

    @property
    def start(self) -> Parameters:
        """Where the search for the parameters begins."""
        ...

    @property
    def largest(self) -> tuple[float, ...]:
        """Upper bounds of the logarithms of the parameters."""
        ...

    def log_likelihood(
        self, parameters: Parameters, frequency: FloatArray, recency: FloatArray, age: FloatArray
    ) -> FloatArray:
        """Return each customer's log-likelihood, shape (n,)."""
        ...

    def expected_count(
        self,
        parameters: Parameters,
        frequency: FloatArray,
        recency: FloatArray,
        age: FloatArray,
        horizon: float,
    ) -> FloatArray:
        """Return the expected purchases in the next ``horizon`` weeks, shape (n,)."""
        ...


class BuyTillYouDie:
    """Counts by BG/NBD or Pareto/NBD, amounts by Gamma-Gamma.

    Parameters
    ----------
    law : BgNbd or ParetoNbd, default ParetoNbd()
        Of repeat purchases.
    first_counts : bool, default False
        Whether the first purchase's amount tells about the later ones, as the textbook says no.
    """

    def __init__(self, law: RepeatPurchases | None = None, *, first_counts: bool = False) -> None:
        self.law = law if law is not None else ParetoNbd()
        self.first_counts = first_counts

    @property
    def key(self) -> str:
        """Stable name, by the law."""
        return self.law.key

    @property
    def name(self) -> str:
        """Name in tables and reports, by the law."""
        return f"{self.law.name} + Gamma-Gamma"

    def fit(self, bought: Purchases, cut: np.datetime64, horizon: float) -> Self:
        """Maximise both likelihoods over what is known before the cut; the horizon plays no part."""
        known = summarise(bought, cut)
        self.parameters_ = maximise(
            self.law.log_likelihood,
            self.law.start,
            known.frequency,
            known.recency,
            known.age,
            largest=self.law.largest,
        )
        self.spend_ = GammaGamma.fitted(*self._amounts(bought, cut))
        return self

    def _amounts(self, bought: Purchases, cut: np.datetime64) -> tuple[FloatArray, FloatArray]:
        known = summarise(bought, cut)
        if not self.first_counts:
            return known.frequency, known.money
        number = known.frequency + 1
        return number, (known.first + known.frequency * known.money) / number

    def predict(self, bought: Purchases, cut: np.datetime64, horizon: float) -> Demand:
        """Return expected counts and spend and the probability of a purchase.

        The probability of none in the horizon is the likelihood of the same purchases with an age that
        is the horizon longer, over the likelihood as it is.
        """
        refuse_unfitted(self, "parameters_", self.name)
        known = summarise(bought, cut)
        seen = known.frequency, known.recency
        count = self.law.expected_count(self.parameters_, *seen, known.age, horizon)
        later, now = (
            self.law.log_likelihood(self.parameters_, *seen, age) for age in (known.age + horizon, known.age)
        )
        active = np.clip(-np.expm1(later - now), 0.0, 1.0)
        amount = self.spend_.expected(*self._amounts(bought, cut))
        return Demand(known.names, np.maximum(count, 0.0), np.maximum(count, 0.0) * amount, active)


def bg_nbd() -> BuyTillYouDie:
    """Return BG/NBD with Gamma-Gamma spend."""
    return BuyTillYouDie(BgNbd())


def pareto_nbd() -> BuyTillYouDie:
    """Return Pareto/NBD with Gamma-Gamma spend."""
    return BuyTillYouDie(ParetoNbd())
