"""Buying till one stops: BG/NBD, where a customer may leave after each purchase."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bezant.traditional.demand.likelihood import Parameters
from bezant.types import FloatArray


class BgNbd:
    """The beta-geometric / negative binomial model of repeat purchases.

    Parameters are r and alpha (how often people buy), a and b (how likely they leave after a purchase).

    References
    ----------
    Fader, Hardie and Lee (2005), "Counting your customers the easy way", Marketing Science 24(2),
    equations 6 and 10.
    """

    key: ClassVar[str] = "bg_nbd"
    name: ClassVar[str] = "BG/NBD"
    start: ClassVar[Parameters] = (0.5, 5.0, 0.7, 2.0)
    # A gamma law of shape 55 is as good as one rate for all; beyond, hyp2f1 can take minutes a call.
    largest: ClassVar[Parameters] = (4.0, 12.0, 6.0, 6.0)

    @staticmethod
    def log_likelihood(
        parameters: Parameters, frequency: FloatArray, recency: FloatArray, age: FloatArray
    ) -> FloatArray:
        """Return each customer's log-likelihood, shape (n,)."""
        from scipy.special import betaln, gammaln

        r, alpha, a, b = parameters
        x = frequency
        alive = -(r + x) * np.log(alpha + age)
        left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + recency)
        value: FloatArray = (
            gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
            + np.where(x > 0, np.logaddexp(alive, left), alive)
        )  # fmt: skip
        return value

    @staticmethod
    def expected_count(
        parameters: Parameters, frequency: FloatArray, recency: FloatArray, age: FloatArray, horizon: float
    ) -> FloatArray:
        """Return the expected purchases in the next ``horizon`` weeks, shape (n,)."""
        from scipy.special import hyp2f1

        r, alpha, a, b = parameters
        x = frequency
        a = a if abs(a - 1.0) > 1e-6 else 1.0 + 1e-6  # the formula has a removable gap at 1
        tail = hyp2f1(r + x, b + x, a + b + x - 1, horizon / (alpha + age + horizon))
        share = ((alpha + age) / (alpha + age + horizon)) ** (r + x)
        odds = a / (b + np.maximum(x, 1) - 1) * ((alpha + age) / (alpha + recency)) ** (r + x)
        value: FloatArray = (a + b + x - 1) / (a - 1) * (1 - share * tail) / (1 + np.where(x > 0, odds, 0.0))
        return value
