"""ES over liquidity horizons, as the rules for the trading book cascade it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats
from bezant.risk.measures import expected_shortfall
from bezant.risk.words import amount
from bezant.types import InputError

if TYPE_CHECKING:
    import pandas as pd

HORIZONS = (10, 20, 40, 60, 120)
"""Liquidity horizons of the rule in days; the first is the base horizon of the scenarios."""

LEVEL = 0.975
"""Level of the rule's ES."""


@dataclass(frozen=True)
class LiquidityCascade:
    """ES of each step of the cascade, and of all.

    Parameters
    ----------
    steps : float64 array, shape (5,)
        ES over 10 days of the risk factors whose liquidity horizon is at least 10, 20, 40, 60, 120 days.
    es : float
        The steps, each scaled to the days that it adds, squared, summed and rooted.
    """

    steps: Floats
    es: float

    def as_table(self) -> pd.DataFrame:
        """Return a row a step: liquidity_horizon, es_10_days, scale, es_scaled."""
        import pandas as pd

        scales = _scales()
        return pd.DataFrame(
            {
                "liquidity_horizon": HORIZONS,
                "es_10_days": self.steps,
                "scale": scales,
                "es_scaled": scales * self.steps,
            }
        )

    @property
    def sentence(self) -> str:
        """ES over liquidity horizons beside that of 10 days."""
        return (
            f"ES 97.5 % over liquidity horizons is {amount(self.es)}, against {amount(self.steps[0])} over "
            "10 days for all risk factors."
        )


def _scales() -> Floats:
    added = np.diff(HORIZONS, prepend=0)
    return np.asarray(np.sqrt(added / HORIZONS[0]))


def liquidity_cascade(gains: npt.ArrayLike, horizons: npt.ArrayLike) -> LiquidityCascade:
    """Return the ES of 97.5 % over the liquidity horizons of the risk factors.

    Parameters
    ----------
    gains : array-like of shape (S, k)
        Gain from each risk factor in each scenario of 10 days, the others held still.
    horizons : array-like of int, shape (k,)
        Liquidity horizon of each factor in days, one of 10, 20, 40, 60, 120: 10 for shares of large firms,
        20 for those of small ones, and so on in MAR33.12.

    Raises
    ------
    InputError
        If shapes do not fit or a horizon is not one of the rule's.

    References
    ----------
    Basel Committee on Banking Supervision, MAR33.4 and MAR33.5.
    """
    drawn, days = np.asarray(gains, dtype=np.float64), np.asarray(horizons)
    if drawn.ndim != 2 or days.shape != drawn.shape[1:]:
        raise InputError(
            f"Gains of shape {drawn.shape} need one liquidity horizon a column, not {days.size}; name each."
        )
    other = sorted(set(days.tolist()) - set(HORIZONS))
    if other:
        raise InputError(
            f"A liquidity horizon of {other[0]} days is not one of {HORIZONS}; choose one of them."
        )
    steps = np.array([_es_of(drawn[:, days >= at]) for at in HORIZONS])
    return LiquidityCascade(steps, float(np.sqrt(np.sum((_scales() * steps) ** 2))))


def _es_of(gains: Floats) -> float:
    return expected_shortfall(gains.sum(axis=1), LEVEL) if gains.shape[1] else 0.0


def stressed_es(reduced_in_stress: float, full_now: float, reduced_now: float) -> float:
    """Return the ES calibrated to stress: that of the reduced factors in stress times full over reduced now.

    Parameters
    ----------
    reduced_in_stress : float
        ES of the factors whose history reaches the worst twelve months, in those months.
    full_now, reduced_now : float
        ES of all factors and of the reduced ones in the last twelve months; the ratio counts as 1 at least.

    References
    ----------
    Basel Committee on Banking Supervision, MAR33.6 and MAR33.7.
    """
    if not (reduced_now > 0 and math.isfinite(full_now) and reduced_in_stress >= 0):
        raise InputError(
            f"ES of {reduced_in_stress:g}, {full_now:g} and {reduced_now:g} have no ratio; give positive "
            "ones."
        )
    return reduced_in_stress * max(full_now / reduced_now, 1.0)
