"""Tests of the days on which the loss went beyond the VaR: how many, and whether they cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, as_vector
from bezant.metrics.market.losses import tail_of
from bezant.types import BoolArray, InputError

LAGS = 4
"""Past exceptions that the dynamic quantile test looks at, as its authors do."""


@dataclass(frozen=True)
class RiskTest:
    """One test of VaR or ES.

    Parameters
    ----------
    name : str
        Such as "Kupiec".
    asks : str
        What is true if the model is right, such as "exceptions are as many as promised".
    statistic : float
    p_value : float
        Probability of a statistic as bad as this one if the model is right.
    degrees : int or None
        Degrees of freedom of the chi-squared distribution; None where the p-value was simulated.
    """

    name: str
    asks: str
    statistic: float
    p_value: float
    degrees: int | None

    def __post_init__(self) -> None:
        if not 0 <= self.p_value <= 1:
            raise InputError(f"A p-value lies between 0 and 1, not at {self.p_value}; give a probability.")

    def rejects(self, size: float = 0.05) -> bool:
        """Return whether the model is rejected: the p-value is below ``size``."""
        return self.p_value < size

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        verdict = "this is rejected" if self.rejects() else "nothing speaks against it"
        figures = f"statistic {self.statistic:.3f}, p-value {self.p_value:.3f}"
        return f"{self.name}: {self.asks}; {verdict} ({figures})."


def exceptions_of(y: npt.ArrayLike, var: npt.ArrayLike) -> BoolArray:
    """Return for each day whether the loss went beyond the VaR, shape (n,).

    Parameters
    ----------
    y : array-like of shape (n,)
        Returns or gains that came.
    var : array-like of shape (n,)
        VaR forecast before each day, losses positive.

    Raises
    ------
    InputError
        If the lengths differ or a value is missing.
    """
    gains, bounds = as_vector(y, "The return"), as_vector(var, "The VaR")
    if len(gains) != len(bounds):
        raise InputError(f"There are {len(gains)} returns and {len(bounds)} VaRs; give one VaR a day.")
    return np.asarray(gains < -bounds)


def kupiec(exceptions: npt.ArrayLike, level: float) -> RiskTest:
    """Test whether exceptions are as many as promised (unconditional coverage).

    Parameters
    ----------
    exceptions : array-like of bool, shape (n,)
        From :func:`exceptions_of`.
    level : float
        Such as 0.99; 1 % of days are then to be exceptions.

    References
    ----------
    Kupiec (1995), "Techniques for verifying the accuracy of risk measurement models", Journal of
    Derivatives 3.
    """
    hits, tail = _hits(exceptions), tail_of(level)
    found, days = int(hits.sum()), len(hits)
    ratio = 2 * (_log_likelihood(found, days, found / days) - _log_likelihood(found, days, tail))
    return _chi_squared("Kupiec", "exceptions are as many as promised", ratio, 1)


def christoffersen(exceptions: npt.ArrayLike) -> RiskTest:
    """Test whether an exception is as likely after an exception as after any other day (independence).

    It sees one day back only; :func:`dynamic_quantile` looks further.

    Parameters
    ----------
    exceptions : array-like of bool, shape (n,)
        In order of time, at least two.

    References
    ----------
    Christoffersen (1998), "Evaluating interval forecasts", International Economic Review 39.
    """
    return _chi_squared(
        "Christoffersen", "exceptions do not follow each other", _independence_ratio(_hits(exceptions)), 1
    )


def conditional_coverage(exceptions: npt.ArrayLike, level: float) -> RiskTest:
    """Test number and independence of the exceptions at once: the sum of the two likelihood ratios.

    Parameters
    ----------
    exceptions : array-like of bool, shape (n,)
    level : float
        Such as 0.99.

    References
    ----------
    Christoffersen (1998); the first day counts in the number and not in the transitions.
    """
    both = kupiec(exceptions, level).statistic + _independence_ratio(_hits(exceptions))
    asks = "exceptions are as many as promised and do not follow each other"
    return _chi_squared("Conditional coverage", asks, both, 2)


def dynamic_quantile(
    exceptions: npt.ArrayLike, var: npt.ArrayLike, level: float, *, lags: int = LAGS
) -> RiskTest:
    """Test whether past exceptions or the VaR itself foretell exceptions.

    Exceptions less their promised rate are regressed on a constant, the ``lags`` days before and the day's
    VaR. Columns that say nothing new (a constant VaR; no exception at all) are counted out of the degrees
    of freedom.

    Parameters
    ----------
    exceptions : array-like of bool, shape (n,)
    var : array-like of shape (n,)
        VaR forecast before each day.
    level : float
    lags : int, default 4

    Raises
    ------
    InputError
        If the lengths differ, or there are not more than twice as many days as columns.

    References
    ----------
    Engle and Manganelli (2004), "CAViaR: conditional autoregressive value at risk by regression quantiles",
    JBES 22, section 5 (out of sample).
    """
    hits, bounds, tail = _hits(exceptions), as_vector(var, "The VaR"), tail_of(level)
    if len(hits) != len(bounds):
        raise InputError(f"There are {len(hits)} days and {len(bounds)} VaRs; give one VaR a day.")
    if lags < 0 or len(hits) <= 2 * (lags + 2) + lags:
        raise InputError(
            f"The dynamic quantile test with {lags} lags needs more than {3 * lags + 4} days, not "
            f"{len(hits)}; give more days or fewer lags."
        )
    excess = hits - tail
    past = [excess[lags - k : len(excess) - k] for k in range(1, lags + 1)]
    scale = np.abs(bounds).max() or 1.0  # else the rank is judged across units
    columns = np.stack([np.ones(len(excess) - lags), *past, bounds[lags:] / scale], axis=1)
    coefficients, _, rank, _ = np.linalg.lstsq(columns, excess[lags:], rcond=1e-10)
    explained = float(np.sum((columns @ coefficients) ** 2))
    asks = "neither past exceptions nor the VaR foretell exceptions"
    return _chi_squared("Dynamic quantile", asks, explained / (tail * (1 - tail)), int(rank))


def _hits(exceptions: npt.ArrayLike) -> Floats:
    hits = as_vector(exceptions, "The exceptions")
    other = hits[(hits != 0) & (hits != 1)]
    if len(other):
        raise InputError(
            f"The exceptions are neither true nor false in {len(other)} of {len(hits)} rows; give "
            "exceptions_of(returns, var)."
        )
    return hits


def _log_likelihood(found: float, days: float, rate: float) -> float:
    """Return the log-likelihood of so many exceptions at the rate; 0 log 0 is 0."""
    part = found * math.log(rate) if found else 0.0
    return part + ((days - found) * math.log(1 - rate) if days > found else 0.0)


def _independence_ratio(hits: Floats) -> float:
    if len(hits) < 2:
        raise InputError(f"Independence needs two days at least, not {len(hits)}; give more days.")
    before, after = hits[:-1], hits[1:]
    ratio = -_log_likelihood(after.sum(), len(after), after.mean())
    for state in (0, 1):
        following = after[before == state]
        if len(following):
            ratio += _log_likelihood(following.sum(), len(following), following.mean())
    return 2 * ratio


def _chi_squared(name: str, asks: str, statistic: float, degrees: int) -> RiskTest:
    from scipy.stats import chi2

    statistic = max(statistic, 0.0)  # rounding alone makes it negative
    return RiskTest(name, asks, statistic, float(chi2.sf(statistic, degrees)), degrees)
