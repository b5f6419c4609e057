"""What a purchase is worth: the Gamma-Gamma model, which draws a customer's mean towards everyone's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bezant.traditional.demand.likelihood import maximise
from bezant.types import FloatArray, InputError


def gamma_gamma_log_likelihood(
    parameters: tuple[float, float, float] | FloatArray, frequency: FloatArray, money: FloatArray
) -> FloatArray:
    """Return each customer's log-likelihood, shape (n,), of a mean amount over ``frequency`` purchases.

    References
    ----------
    Fader and Hardie (2013), "The Gamma-Gamma model of monetary value", equation 1a.
    """
    from scipy.special import gammaln

    p, q, gamma = parameters
    x, m = frequency, money
    value: FloatArray = (
        gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
        + q * np.log(gamma) + (p * x - 1) * np.log(m) + p * x * np.log(x)
        - (p * x + q) * np.log(gamma + x * m)
    )  # fmt: skip
    return value


@dataclass(frozen=True)
class GammaGamma:
    """Fitted parameters of the Gamma-Gamma model; :meth:`fitted` finds them.

    Amounts of a customer are Gamma(p, v), and v is Gamma(q, gamma) over customers; how much somebody
    spends does not depend on how often.
    """

    p: float
    q: float
    gamma: float

    @classmethod
    def fitted(cls, frequency: FloatArray, money: FloatArray) -> GammaGamma:
        """Learn from customers with a purchase and a mean amount above 0; the others say nothing.

        Parameters
        ----------
        frequency, money : float arrays of shape (n,)
            Number of purchases and their mean amount.
        """
        held = (frequency > 0) & (money > 0)
        if not held.any():
            raise InputError("No customer has a purchase with an amount above 0; spend cannot be learned.")
        p, q, gamma = maximise(gamma_gamma_log_likelihood, (6.0, 4.0, 15.0), frequency[held], money[held])
        return cls(p, q, gamma)

    def expected(self, frequency: FloatArray, money: FloatArray) -> FloatArray:
        """Return the expected amount of a customer's next purchase, shape (n,); everyone's mean for new ones.

        Infinite means (q of at most 1) are cut off: the customers' own weight is then what counts.
        """
        x = np.where(money > 0, frequency, 0.0)
        value: FloatArray = self.p * (self.gamma + x * money) / np.maximum(self.p * x + self.q - 1.0, 0.1)
        return value
