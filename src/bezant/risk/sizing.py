"""Positions sized to a budget of VaR or ES: all scaled alike, or one added as far as there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats
from bezant.risk.measures import expected_shortfall, value_at_risk
from bezant.risk.portfolio import position_gains
from bezant.risk.words import amount, asset_names
from bezant.schema.words import counted
from bezant.types import InputError

if TYPE_CHECKING:
    import pandas as pd

MEASURES: dict[str, Callable[[Floats, float], float]] = {"var": value_at_risk, "es": expected_shortfall}
"""What a budget may be of."""

HALVINGS = 60
"""Halvings of the interval that holds the largest position: far finer than money."""


@dataclass(frozen=True)
class SizedPositions:
    """Positions before and after they were fitted to a budget.

    Parameters
    ----------
    assets : tuple of str
    before, after : float64 arrays, shape (k,)
        In money.
    measure : str
        "var" or "es".
    level : float
    budget, risk_before, risk_after : float
        In money.
    """

    assets: tuple[str, ...]
    before: Floats
    after: Floats
    measure: str
    level: float
    budget: float
    risk_before: float
    risk_after: float

    def __post_init__(self) -> None:
        if not len(self.assets) == len(self.before) == len(self.after):
            raise InputError("Names and positions differ in number; give one name a position.")
        if self.risk_after > self.budget * (1 + 1e-9):
            raise InputError(f"A risk of {self.risk_after:g} is beyond the budget of {self.budget:g}.")

    def as_table(self) -> pd.DataFrame:
        """Return a row a position: asset, before, after, change."""
        import pandas as pd

        return pd.DataFrame(
            {
                "asset": self.assets,
                "before": self.before,
                "after": self.after,
                "change": self.after - self.before,
            }
        )

    @property
    def sentence(self) -> str:
        """The risk before and after, and the budget."""
        name = f"{self.measure.upper()} {100 * self.level:g} %"
        return (
            f"{name} goes from {amount(self.risk_before)} to {amount(self.risk_after)}, within the budget of "
            f"{amount(self.budget)}."
        )


def size_to_budget(
    returns: npt.ArrayLike,
    positions: npt.ArrayLike,
    budget: float,
    *,
    measure: str = "es",
    level: float = 0.975,
    lots: npt.ArrayLike | None = None,
    assets: Sequence[str] | None = None,
    log: bool = True,
) -> SizedPositions:
    """Scale all positions alike, up or down, to use the budget.

    VaR and ES grow in proportion to the positions, so that the scale is budget over risk.

    Parameters
    ----------
    returns : array-like of shape (S, k)
        Returns of the assets to the horizon of the budget.
    positions : array-like of shape (k,)
        In money, short ones below 0.
    budget : float
        The most that VaR or ES may be, in money.
    measure : {"es", "var"}, default "es"
    level : float, default 0.975
    lots : array-like of shape (k,), optional
        Value of one lot of each asset; positions are rounded towards 0 to whole lots. Rounding a hedge
        down may raise the risk: all are then scaled down until whole lots fit.
    assets : sequence of str, optional
    log : bool, default True
        Whether the returns are logarithmic.

    Raises
    ------
    InputError
        If the budget is not above 0, the measure is unknown, or the positions have no risk to scale.
    """
    gains = position_gains(returns, positions, log=log)
    held = np.asarray(positions, dtype=np.float64)
    risk = _risk_of(gains, measure, level)
    before = risk(np.ones(len(held)))
    _check_budget(budget)
    if not before > 0:
        raise InputError(f"The positions have a {measure.upper()} of {before:g}; only a risk above 0 scales.")
    scale = budget / before
    after = held * scale
    if lots is not None:
        after = _in_lots(after, np.asarray(lots, dtype=np.float64), held, risk, budget)
    return SizedPositions(
        asset_names(assets, len(held)),
        held,
        after,
        measure,
        level,
        float(budget),
        before,
        risk(_shares(after, held)),
    )


def room_for(
    returns: npt.ArrayLike,
    positions: npt.ArrayLike,
    asset: int,
    budget: float,
    *,
    side: str = "long",
    level: float = 0.975,
    most: float,
    assets: Sequence[str] | None = None,
    log: bool = True,
) -> SizedPositions:
    """Add as much of one asset as the ES budget holds, the others unchanged.

    ES is convex in one position, so that what fits is one interval and its end is found by halving; VaR is
    not, and has no such answer.

    Parameters
    ----------
    returns : array-like of shape (S, k)
    positions : array-like of shape (k,)
        In money; their ES is within the budget.
    asset : int
        Column of the asset.
    budget : float
    side : {"long", "short"}, default "long"
    level : float, default 0.975
    most : float
        The most to add, in money.
    assets : sequence of str, optional
    log : bool, default True

    Raises
    ------
    InputError
        If the budget is already used up, or a parameter is out of range.
    """
    held = np.asarray(positions, dtype=np.float64)
    if side not in ("long", "short") or not 0 <= asset < len(held) or not most > 0:
        raise InputError(
            f"Cannot add up to {most:g} {side} of asset {asset} of {len(held)}; give a column, 'long' or "
            "'short', and a largest amount above 0."
        )
    units = position_gains(returns, np.ones(len(held)), log=log)  # (S, k), of one unit of money
    total, one = units @ held, units[:, asset] * (1 if side == "long" else -1)
    _check_budget(budget)
    before = expected_shortfall(total, level)
    if before > budget:
        raise InputError(
            f"The ES is {amount(before)}, beyond the budget of {amount(budget)}; scale down first."
        )
    low, high = 0.0, float(most)
    if expected_shortfall(total + most * one, level) <= budget:
        low = high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        within = expected_shortfall(total + middle * one, level) <= budget
        low, high = (middle, high) if within else (low, middle)
    after = held.copy()
    after[asset] += low if side == "long" else -low
    risk = expected_shortfall(total + low * one, level)
    return SizedPositions(
        asset_names(assets, len(held)), held, after, "es", level, float(budget), before, risk
    )  # fmt: skip


def _risk_of(gains: Floats, measure: str, level: float) -> Callable[[Floats], float]:
    """Return the risk as a function of shares of the positions."""
    if measure not in MEASURES:
        raise InputError(f"There is no measure {measure!r}; choose 'var' or 'es'.")
    return lambda shares: MEASURES[measure](gains @ shares, level)


def _in_lots(
    wanted: Floats, lots: Floats, held: Floats, risk: Callable[[Floats], float], budget: float
) -> Floats:
    if lots.shape != wanted.shape or not (lots > 0).all():
        raise InputError(
            f"{counted(wanted.size, 'position')} {'needs' if wanted.size == 1 else 'need'} as many lots "
            f"above 0, not {lots.size}; give each one."
        )
    for scale in np.linspace(1, 0, 200, endpoint=False):
        whole = np.trunc(wanted * scale / lots * (1 + 1e-12)) * lots
        if risk(_shares(whole, held)) <= budget:
            return np.asarray(whole)
    return np.zeros(len(wanted))


def _shares(after: Floats, held: Floats) -> Floats:
    return np.divide(after, held, out=np.zeros(len(held)), where=held != 0)


def _check_budget(budget: float) -> None:
    if not 0 < budget < np.inf:
        raise InputError(f"The budget is {budget:g}; give an amount of money above 0.")
