"""GARCH, GJR-GARCH and EGARCH with Student's t, estimated by the package arch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np

from bezant.histories.market import Bars
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast, by_asset
from bezant.traditional.markets.model import fitted_for, refuse_short
from bezant.traditional.markets.volatility import VolatilityState, volatility_state
from bezant.traditional.model import refuse_unfitted
from bezant.types import FloatArray, IntArray, MissingExtraError

FEWEST = 250
LARGEST = 1e6
"""Bound of the variance, in that of the training returns: only a recursion that explodes meets it."""
MEAN_SHOCK = float(np.sqrt(2 / np.pi))

Kind = Literal["garch", "gjr", "egarch"]
FORMS: dict[str, dict[str, Any]] = {
    "garch": {"vol": "GARCH", "p": 1, "o": 0, "q": 1},
    "gjr": {"vol": "GARCH", "p": 1, "o": 1, "q": 1},
    "egarch": {"vol": "EGARCH", "p": 1, "o": 1, "q": 1},
}


@dataclass(frozen=True, eq=False)
class Recursion:
    """A fitted recursion of the variance, in the unit of the returns.

    Parameters
    ----------
    process : arch.univariate volatility process
        Computes variances from parameters and residuals.
    parameters : float array
        omega, alpha, gamma where there is one, beta; of returns divided by ``scale``.
    scale : float
        Standard deviation of the training returns.
    first : float
        What arch starts its recursion from, by the training residuals.
    """

    process: Any
    parameters: FloatArray
    scale: float
    first: float

    def variances(self, residuals: FloatArray) -> FloatArray:
        """Return the variance of each bar and of the next one, shape (k + 1,)."""
        scaled = np.append(residuals / self.scale, 0.0)  # the last one is not used
        bounds = np.tile([1e-12, LARGEST], (len(scaled), 1))
        found = np.empty(len(scaled))
        self.process.compute_variance(self.parameters, scaled, found, self.first, bounds)
        return found * self.scale**2


class Garch:
    """One recursion an asset, by maximum likelihood under Student's t; residuals are drawn forward.

    Parameters
    ----------
    kind : {"garch", "gjr", "egarch"}, default "garch"
        Symmetric; with more weight on falls; the same in logarithms.
    pool : int or None, default None
        Last residuals that are drawn from; None for all of the past.

    References
    ----------
    Bollerslev (1987), Review of Economics and Statistics 69(3); Glosten, Jagannathan and Runkle (1993),
    Journal of Finance 48(5); Nelson (1991), Econometrica 59(2).
    """

    key: ClassVar[str] = "garch"
    name: ClassVar[str] = "GARCH family, Student's t"

    def __init__(self, *, kind: Kind = "garch", pool: int | None = None) -> None:
        self.kind, self.pool = kind, pool

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Estimate each asset's recursion on all of its past.

        Raises
        ------
        MissingExtraError
            If arch is not installed.
        InputError
            If an asset has fewer than 250 bars.
        """
        refuse_short(bars, FEWEST, f"{self.kind.upper()}-t")
        self.horizons_, self.levels_ = tuple(horizons), tuple(levels)
        self.states_: dict[str, VolatilityState] = {}
        self.parameters_: dict[str, dict[str, float]] = {}
        failed = []
        for asset, span in zip(bars.assets, bars.spans(), strict=True):
            change = bars.returns[span][1:]
            found, converged = estimate(change, self.kind)
            drift, recursion = found.pop("mu"), found.pop("recursion")
            self.parameters_[str(asset)] = found | {"mu": drift}
            if not converged:
                failed.append(str(asset))
            self.states_[str(asset)] = volatility_state(
                change, drift, recursion.variances, _step(self.kind, recursion), self.horizons_, self.levels_,
                self.pool,
            )  # fmt: skip
        self.notes_: tuple[str, ...] = tuple(
            f"The likelihood of {name!r} was not maximised to the end." for name in failed
        )
        return self

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Filter up to each origin with the parameters of the fit and draw its residuals forward."""
        refuse_unfitted(self, "states_", self.name)

        def answer(asset: str, own: Bars, local: IntArray) -> MarketForecast:
            state: VolatilityState = fitted_for(self.states_, asset, self.name)
            return state.forecast(own, local, self.horizons_, self.levels_)

        return by_asset(bars, rows, answer)


def estimate(change: FloatArray, kind: Kind) -> tuple[dict[str, Any], bool]:
    """Maximise the likelihood; return mean, degrees of freedom, recursion, and whether it converged.

    Parameters
    ----------
    change : float array of shape (k,)
        Returns.
    kind : {"garch", "gjr", "egarch"}

    Returns
    -------
    dict with mu (in the unit of the returns), nu, and recursion; bool
    """
    try:
        from arch import arch_model
    except ImportError as error:
        raise MissingExtraError("arch", "markets", f"{kind.upper()}-t") from error
    scale = float(change.std()) or 1.0
    model = arch_model(change / scale, mean="Constant", dist="t", rescale=False, **FORMS[kind])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said by the flag, and in the notes
        found = model.fit(disp="off", show_warning=False)
    mu, nu = float(found.params.iloc[0]), float(found.params.iloc[-1])
    process = model.volatility
    first = process.backcast(np.asarray(change / scale - mu))
    recursion = Recursion(process, np.asarray(found.params.iloc[1:-1], np.float64), scale, float(first))
    return {"mu": mu * scale, "nu": nu, "recursion": recursion}, found.convergence_flag == 0


def _step(kind: Kind, recursion: Recursion) -> Any:
    """Return the recursion as a step from variances and shocks to the next variances."""
    square = recursion.scale**2
    if kind == "garch":
        omega, alpha, beta = recursion.parameters
        gamma = 0.0
    else:
        omega, alpha, gamma, beta = recursion.parameters

    def symmetric(variance: FloatArray, shock: FloatArray) -> FloatArray:
        weight = alpha + gamma * (shock < 0)
        found: FloatArray = omega * square + variance * (beta + weight * shock**2)
        return np.minimum(found, LARGEST * square)

    def logarithmic(variance: FloatArray, shock: FloatArray) -> FloatArray:
        log = omega + alpha * (np.abs(shock) - MEAN_SHOCK) + gamma * shock + beta * np.log(variance / square)
        found: FloatArray = np.exp(np.minimum(log, np.log(LARGEST))) * square
        return found

    return logarithmic if kind == "egarch" else symmetric
