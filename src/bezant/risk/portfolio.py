"""VaR and ES of positions from scenarios, and what each position adds to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats, as_vector
from bezant.metrics.market.losses import tail_of
from bezant.risk.measures import expected_shortfall, tail_weights, value_at_risk
from bezant.risk.words import amount, asset_names, counted
from bezant.types import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PortfolioRisk:
    """VaR and ES of a portfolio at one level and horizon, and their attribution.

    Parameters
    ----------
    assets : tuple of str
        Names of the k positions.
    positions : float64 array, shape (k,)
        In money; short ones below 0.
    level : float
    var, es : float
        Losses positive, in money.
    var_parts, es_parts : float64 arrays, shape (k,)
        What each position adds; they sum to ``var`` and ``es``. Below 0 for a hedge.
    var_alone, es_alone : float64 arrays, shape (k,)
        Risk of each position if it were held alone.
    es_error : float
        Standard error of the ES from the number of scenarios alone, as if they were independent.
    scenarios : int
    """

    assets: tuple[str, ...]
    positions: Floats
    level: float
    var: float
    es: float
    var_parts: Floats
    es_parts: Floats
    var_alone: Floats
    es_alone: Floats
    es_error: float
    scenarios: int

    def __post_init__(self) -> None:
        arrays = (self.positions, self.var_parts, self.es_parts, self.var_alone, self.es_alone)
        if {len(values) for values in arrays} != {len(self.assets)}:
            raise InputError("The parts of a portfolio's risk differ in length; give one of each a position.")
        if self.es < self.var - 1e-9 * abs(self.var):
            raise InputError(f"An ES of {self.es:g} lies below its VaR of {self.var:g}; compute both again.")

    def as_table(self) -> pd.DataFrame:
        """Return a row a position, largest part of the ES first, and "total" as the last row."""
        import pandas as pd

        order = np.argsort(-self.es_parts, kind="stable")
        columns = {
            "position": (self.positions, self.positions.sum()),
            "var_part": (self.var_parts, self.var),
            "es_part": (self.es_parts, self.es),
            "es_share": (self.es_parts / self.es if self.es else np.zeros(len(order)), 1.0),
            "var_alone": (self.var_alone, self.var_alone.sum()),
            "es_alone": (self.es_alone, self.es_alone.sum()),
        }
        table = {name: np.append(values[order], total) for name, (values, total) in columns.items()}
        return pd.DataFrame({"asset": [*(self.assets[i] for i in order), "total"], **table})

    @property
    def sentence(self) -> str:
        """VaR, ES, what diversification saves, and the largest part, in one sentence."""
        percent = f"{100 * self.level:g} %"
        figures = (
            f"VaR {percent} {amount(self.var)} and ES {percent} {amount(self.es)} (standard error of "
            f"simulation {amount(self.es_error)}) of {counted(len(self.assets), 'position')}"
        )
        alone, largest = float(self.es_alone.sum()), int(np.argmax(self.es_parts))
        if len(self.assets) == 1 or not (alone > 0 and self.es > 0):
            return f"{figures}."
        return (
            f"{figures}; {100 * (1 - self.es / alone):z.0f} % less than the positions alone, and "
            f"{self.assets[largest]} adds most ({100 * self.es_parts[largest] / self.es:.0f} % of ES)."
        )


def position_gains(returns: npt.ArrayLike, positions: npt.ArrayLike, *, log: bool = True) -> Floats:
    """Return the gain of each position in each scenario, in money; shape (S, k).

    Parameters
    ----------
    returns : array-like of shape (S, k)
        Returns of the assets, such as ``Scenarios.at(10)``.
    positions : array-like of shape (k,)
        In money, short ones below 0, held unchanged to the horizon.
    log : bool, default True
        Whether the returns are logarithmic; a position gains exp(r) - 1 times its value then.

    Raises
    ------
    InputError
        If shapes do not fit or a value is missing.
    """
    held = as_vector(positions, "The position")
    drawn = np.asarray(returns, dtype=np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != len(held) or not len(drawn) or not np.isfinite(drawn).all():
        raise InputError(
            f"Scenarios of shape {drawn.shape} do not fit {counted(len(held), 'position')}, or have gaps; "
            "give one column a position."
        )
    return np.asarray((np.expm1(drawn) if log else drawn) * held)


def portfolio_risk(
    returns: npt.ArrayLike,
    positions: npt.ArrayLike,
    *,
    level: float,
    assets: Sequence[str] | None = None,
    log: bool = True,
    weights: npt.ArrayLike | None = None,
) -> PortfolioRisk:
    """Return VaR and ES of positions and what each of them adds (Euler's rule).

    A position's part of the ES is its mean loss in the scenarios of the tail. Its part of the VaR is its
    mean loss in scenarios near the VaR, with the weights of Harrell and Davis, since one scenario alone
    would be noise; what these weights miss of the VaR is shared in proportion.

    Parameters
    ----------
    returns : array-like of shape (S, k)
        Returns of the assets to the horizon, such as ``Scenarios.at(10)``.
    positions : array-like of shape (k,)
        In money, short ones below 0.
    level : float
        Such as 0.975.
    assets : sequence of str, optional
        "asset 1" and so on if not given.
    log : bool, default True
        Whether the returns are logarithmic.
    weights : array-like of shape (S,), optional
        Probabilities of the scenarios; equal if not given.

    References
    ----------
    Tasche (1999), "Risk contributions and performance measurement"; Harrell and Davis (1982), "A new
    distribution-free quantile estimator", Biometrika 69.
    """
    gains = position_gains(returns, positions, log=log)
    total = gains.sum(axis=1)
    worst = tail_weights(total, level, weights)
    var, es = value_at_risk(total, level, weights), expected_shortfall(total, level, weights)
    count = gains.shape[1]
    names = asset_names(assets, count)
    beyond = np.maximum(-total - var, 0.0)
    return PortfolioRisk(
        names, np.asarray(positions, dtype=np.float64), level, var, es,
        _var_parts(gains, total, level, var, weights), -worst @ gains,
        np.array([value_at_risk(gains[:, i], level, weights) for i in range(count)]),
        np.array([expected_shortfall(gains[:, i], level, weights) for i in range(count)]),
        float(beyond.std()) / tail_of(level) / float(np.sqrt(len(total))), len(total),
    )  # fmt: skip


def _var_parts(
    gains: Floats, total: Floats, level: float, var: float, weights: npt.ArrayLike | None
) -> Floats:
    """Return each position's mean loss near the VaR, shape (k,), summing to the VaR."""
    from scipy.special import betainc

    tail, rows = tail_of(level), len(total)
    order = np.argsort(total, kind="stable")
    given = np.ones(rows) if weights is None else np.asarray(weights, dtype=np.float64)
    reached = np.append(0.0, np.cumsum(given[order]))
    near = np.diff(betainc((rows + 1) * tail, (rows + 1) * (1 - tail), reached / reached[-1]))
    parts = -near @ gains[order]
    missed = var - float(parts.sum())
    size = float(np.abs(parts).sum())
    return np.asarray(parts + missed * (np.abs(parts) / size if size else 1 / len(parts)))
