"""Buying till one stops: Pareto/NBD, where a customer may leave at any moment."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from bezant.traditional.demand.likelihood import Parameters
from bezant.types import FloatArray


class ParetoNbd:
    """The Pareto / negative binomial model of repeat purchases.

    Parameters are r and alpha (how often people buy), s and beta (how soon they leave).

    References
    ----------
    Schmittlein, Morrison and Colombo (1987), "Counting your customers", Management Science 33(1).
    Fader and Hardie (2005), "A note on deriving the Pareto/NBD model and related expressions".
    """

    key: ClassVar[str] = "pareto_nbd"
    name: ClassVar[str] = "Pareto/NBD"
    start: ClassVar[Parameters] = (0.5, 10.0, 0.6, 12.0)
    # A gamma law of shape 55 is as good as one rate for all; beyond, hyp2f1 can take minutes a call.
    largest: ClassVar[Parameters] = (4.0, 12.0, 4.0, 12.0)

    @staticmethod
    def log_left_over_alive(
        parameters: Parameters, frequency: FloatArray, recency: FloatArray, age: FloatArray
    ) -> FloatArray:
        """Return the log odds of having left between the last purchase and now, shape (n,)."""
        from scipy.special import hyp2f1

        r, alpha, s, beta = parameters
        x = frequency
        total = r + s + x
        larger = max(alpha, beta)
        second = s + 1 if alpha >= beta else r + x

        def term(time: FloatArray) -> FloatArray:
            f = hyp2f1(total, second, total + 1, abs(alpha - beta) / (larger + time))
            value: FloatArray = np.log(f) - total * np.log(larger + time)
            return value

        first, last = term(recency), term(age)
        gone = np.minimum(last - first, -1e-300)  # below 0: leaving takes time, however little
        difference = first + np.log(-np.expm1(gone))
        value: FloatArray = (
            np.log(s) - np.log(total) + difference + (r + x) * np.log(alpha + age) + s * np.log(beta + age)
        )
        return value

    @classmethod
    def log_likelihood(
        cls, parameters: Parameters, frequency: FloatArray, recency: FloatArray, age: FloatArray
    ) -> FloatArray:
        """Return each customer's log-likelihood, shape (n,)."""
        from scipy.special import gammaln

        r, alpha, s, beta = parameters
        x = frequency
        alive = s * np.log(beta) - (r + x) * np.log(alpha + age) - s * np.log(beta + age)
        odds = cls.log_left_over_alive(parameters, frequency, recency, age)
        value: FloatArray = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + alive + np.logaddexp(0.0, odds)
        return value

    @classmethod
    def expected_count(
        cls,
        parameters: Parameters,
        frequency: FloatArray,
        recency: FloatArray,
        age: FloatArray,
        horizon: float,
    ) -> FloatArray:
        """Return the expected purchases in the next ``horizon`` weeks, shape (n,)."""
        r, alpha, s, beta = parameters
        s = s if abs(s - 1.0) > 1e-6 else 1.0 + 1e-6  # the formula has a removable gap at 1
        odds = cls.log_left_over_alive(parameters, frequency, recency, age)
        if_alive = (r + frequency) * (beta + age) / ((alpha + age) * (s - 1))
        if_alive = if_alive * -np.expm1((s - 1) * np.log((beta + age) / (beta + age + horizon)))
        value: FloatArray = if_alive * np.exp(-np.logaddexp(0.0, odds))
        return value
