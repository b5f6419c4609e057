"""Exponentially weighted variance (RiskMetrics) with filtered residuals."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Self

import numpy as np

from bezant.histories.market import Bars
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast, by_asset
from bezant.traditional.markets.model import fitted_for, refuse_short
from bezant.traditional.markets.volatility import VolatilityState, volatility_state
from bezant.traditional.model import refuse_unfitted
from bezant.types import FloatArray, InputError, IntArray

FEWEST = 100
FIRST = 22
"""Changes whose mean square starts the recursion; an origin before them would see its own future."""
LEAST = 0.01
"""Least variance as a share of its mean in the past: prices that do not move for weeks are no certainty."""


class Ewma:
    """Variance that forgets by a fixed rate; nothing is estimated but the residuals' distribution.

    Parameters
    ----------
    decay : float, default 0.94
        Share of the variance that is kept; 0.94 for daily, 0.97 for monthly returns.
    pool : int or None, default None
        Last residuals that are drawn from; None for all of the past.

    References
    ----------
    J.P. Morgan (1996), "RiskMetrics technical document", 4th edition, eq. 5.3.
    """

    key: ClassVar[str] = "ewma"
    name: ClassVar[str] = "EWMA, filtered residuals"

    def __init__(self, *, decay: float = 0.94, pool: int | None = None) -> None:
        self.decay, self.pool = decay, pool

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Filter each asset's past and keep its residuals."""
        refuse_short(bars, FEWEST, self.name)
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        self.states_: dict[str, VolatilityState] = {}
        for asset, span in zip(bars.assets, bars.spans(), strict=True):
            change = bars.returns[span][1:]
            floor = max(LEAST * float(np.mean(change**2)), np.finfo(np.float64).tiny)
            self.states_[str(asset)] = volatility_state(
                change,
                0.0,
                partial(self._variances, floor),
                self._step,
                self.horizons_,
                self.levels_,
                self.pool,
            )
        self.notes_: tuple[str, ...] = (
            f"The first {FIRST} squared changes start the variance; {LEAST:.0%} of its mean is least.",
        )
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Filter up to each origin and draw its residuals forward.

        Raises
        ------
        InputError
            If an origin has fewer than 22 changes behind it, or its asset was not there in ``fit``.
        """
        refuse_unfitted(self, "states_", self.name)

        def answer(asset: str, own: Bars, local: IntArray) -> MarketForecast:
            state: VolatilityState = fitted_for(self.states_, asset, self.name)
            if len(local) and local.min() < FIRST:
                raise InputError(
                    f"EWMA starts from {FIRST} changes but {asset!r} has {int((local < FIRST).sum())} of "
                    f"{len(local)} origins with fewer; begin later."
                )
            return state.forecast(own, local, self.horizons_, self.levels_)

        return by_asset(bars, rows, answer)

    def _variances(self, floor: float, residuals: FloatArray) -> FloatArray:
        """Entries before the 22nd know later changes by their start: they serve the fit alone."""
        from scipy.signal import lfilter

        first = max(float(np.mean(residuals[:FIRST] ** 2)), floor)
        later, _ = lfilter([1 - self.decay], [1, -self.decay], residuals**2, zi=[self.decay * first])
        found: FloatArray = np.maximum(np.concatenate([[first], later]), floor)
        return found

    def _step(self, variance: FloatArray, shock: FloatArray) -> FloatArray:
        stepped: FloatArray = variance * (self.decay + (1 - self.decay) * shock**2)
        return stepped
