"""Allocation under a limit of ES: the weights of most expected return whose ES stays within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, as_vector
from bezant.metrics.market.losses import tail_of
from bezant.risk.measures import expected_shortfall
from bezant.risk.words import asset_names
from bezant.solvers import import_binning, quiet_cvxpy
from bezant.types import InputError, MissingExtraError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Allocation:
    """Weights of a portfolio under a limit of ES.

    Parameters
    ----------
    assets : tuple of str
        Names of the k assets.
    weights : float64 array, shape (k,)
        Shares of the capital; what they leave of 1 is cash.
    level : float
    es, es_limit : float
        In shares of the capital, losses positive.
    expected_return : float
        Of a step of the scenarios, as a share of the capital.
    least_es : float
        ES of the most cautious weights within the same bounds, for comparison.
    """

    assets: tuple[str, ...]
    weights: Floats
    level: float
    es: float
    es_limit: float
    expected_return: float
    least_es: float

    def __post_init__(self) -> None:
        if len(self.assets) != len(self.weights):
            raise InputError(f"{len(self.assets)} assets have {len(self.weights)} weights; give one each.")

    @property
    def cash(self) -> float:
        """Share of the capital that is not invested."""
        return 1.0 - float(self.weights.sum())

    def as_table(self) -> pd.DataFrame:
        """Return a row an asset, the largest weight first, then "cash": asset, weight."""
        import pandas as pd

        order = np.argsort(-self.weights, kind="stable")
        names = [*(self.assets[i] for i in order), "cash"]
        return pd.DataFrame({"asset": names, "weight": np.append(self.weights[order], self.cash)})

    @property
    def sentence(self) -> str:
        """Expected return and ES against the limit, and how many assets hold them."""
        held = int(np.sum(np.abs(self.weights) > 1e-4))
        return (
            f"{held} of {len(self.assets)} assets with an expected return of "
            f"{100 * self.expected_return:.3f} % a step and an ES {100 * self.level:g} % of "
            f"{100 * self.es:.2f} % of the capital, limit {100 * self.es_limit:.2f} %; the least possible ES "
            f"is {100 * self.least_es:.2f} %."
        )


def allocate_under_es(
    returns: npt.ArrayLike,
    es_limit: float,
    *,
    level: float = 0.975,
    expected: npt.ArrayLike | None = None,
    least: float = 0.0,
    most: float = 1.0,
    cash: bool = False,
    assets: Sequence[str] | None = None,
) -> Allocation:
    """Return the weights of most expected return whose ES is within the limit (package skfolio).

    Past means are a poor guide to coming ones: with ``expected`` left out, the weights go to what rose
    most in the scenarios. Bounds on single weights are the simplest cure.

    Parameters
    ----------
    returns : array-like of shape (S, k)
        Simple (not logarithmic) returns of the assets over one step, equally likely.
    es_limit : float
        The most that the ES may be, as a share of the capital, such as 0.03.
    level : float, default 0.975
    expected : array-like of shape (k,), optional
        Expected returns of the step; the scenarios are shifted to have them. Their own means if not given.
    least, most : float, default 0 and 1
        Bounds of each weight; a ``least`` below 0 allows short positions.
    cash : bool, default False
        Whether capital may stay uninvested, which any limit can be met with.
    assets : sequence of str, optional

    Raises
    ------
    InputError
        If the limit is below the least possible ES, which is named, or shapes or bounds do not fit.
    MissingExtraError
        If the package skfolio is not installed.

    References
    ----------
    Rockafellar and Uryasev (2000), "Optimization of conditional value-at-risk", Journal of Risk 2.
    """
    drawn = _shifted(returns, expected)
    count = drawn.shape[1]
    _check_request(es_limit, level, count, least, most, cash)
    settings: dict[str, Any] = {"min_weights": least, "max_weights": most, "cvar_beta": level}
    settings |= {"budget": None, "min_budget": 0.0, "max_budget": 1.0} if cash else {}
    least_es = 0.0
    if not cash:
        least_es = expected_shortfall(drawn @ _solve(drawn, settings, es_limit=None), level)
        if least_es > es_limit:
            raise InputError(
                f"The least possible ES is {least_es:.4g}, beyond the limit {es_limit:g}; raise the limit, "
                "widen the bounds of the weights or allow cash."
            )
    weights = _solve(drawn, settings, es_limit=es_limit)
    names = asset_names(assets, count)
    es = expected_shortfall(drawn @ weights, level)
    return Allocation(names, weights, level, es, es_limit, float(drawn.mean(axis=0) @ weights), least_es)


def _check_request(es_limit: float, level: float, count: int, least: float, most: float, cash: bool) -> None:
    tail_of(level)
    if not es_limit > 0:
        raise InputError(
            f"The limit of ES is {es_limit:g}; give a share of the capital above 0, such as 0.03."
        )
    if not least <= most or (not cash and not count * least <= 1 <= count * most):
        raise InputError(
            f"{count} weights between {least:g} and {most:g} cannot sum to 1; widen the bounds or allow cash."
        )


def _shifted(returns: npt.ArrayLike, expected: npt.ArrayLike | None) -> Floats:
    drawn = np.asarray(returns, dtype=np.float64)
    if drawn.ndim != 2 or not drawn.size or not np.isfinite(drawn).all():
        raise InputError(f"Scenarios of shape {drawn.shape} have gaps or no columns; give returns of (S, k).")
    if expected is None:
        return drawn
    wanted = as_vector(expected, "The expected return")
    if len(wanted) != drawn.shape[1]:
        raise InputError(f"{drawn.shape[1]} assets have {len(wanted)} expected returns; give one each.")
    return np.asarray(drawn - drawn.mean(axis=0) + wanted)


def _solve(drawn: Floats, settings: dict[str, Any], *, es_limit: float | None) -> Floats:
    """Return the weights of most return within the limit, or of the least ES without one."""
    import_binning()  # before skfolio, or no scorecard could be fitted any more
    try:
        with quiet_cvxpy():
            from skfolio import RiskMeasure
            from skfolio.optimization import MeanRisk, ObjectiveFunction
    except ImportError as error:
        raise MissingExtraError("skfolio", "markets", "Allocation under a limit of ES") from error
    if es_limit is None:
        model = MeanRisk(risk_measure=RiskMeasure.CVAR, **settings)
    else:
        model = MeanRisk(
            objective_function=ObjectiveFunction.MAXIMIZE_RETURN, max_cvar=es_limit, **settings
        )  # fmt: skip
    return np.asarray(model.fit(drawn).weights_, dtype=np.float64)
