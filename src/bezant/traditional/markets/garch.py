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
UNIT = (0.5, 2.0)
"""Mean squares that standardised residuals of a sound recursion lie between."""
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
    kind : {"garch", "gjr", "egarch"}
    """

    process: Any
    parameters: FloatArray
    scale: float
    first: float
    kind: Kind

    def variances(self, residuals: FloatArray) -> FloatArray:
        """Return the variance of each bar and of the next one, shape (k + 1,)."""
        scaled = np.append(residuals / self.scale, 0.0)  # the last one is not used
        bounds = np.tile([1e-12, LARGEST], (len(scaled), 1))
        found = np.empty(len(scaled))
        self.process.compute_variance(self.parameters, scaled, found, self.first, bounds)
        return found * self.scale**2

    def step(self, variance: FloatArray, shock: FloatArray) -> FloatArray:
        """Return the next variances from variances and standardised shocks of one shape."""
        square = self.scale**2
        omega, alpha, *gamma, beta = self.parameters
        skew = gamma[0] if gamma else 0.0
        if self.kind == "egarch":
            log = (
                omega + alpha * (np.abs(shock) - MEAN_SHOCK) + skew * shock + beta * np.log(variance / square)
            )
            return np.asarray(np.exp(np.minimum(log, np.log(LARGEST))) * square)
        found: FloatArray = omega * square + variance * (beta + (alpha + skew * (shock < 0)) * shock**2)
        return np.minimum(found, LARGEST * square)


class Garch:
    """One recursion an asset, by maximum likelihood under Student's t; residuals are drawn forward.

    Parameters
    ----------
    kind : {"garch", "gjr", "egarch"}, default "garch"
        Symmetric; with more weight on falls; the same in logarithms.
    window : int or None, default 2500
        Last bars that it is estimated on and whose residuals are drawn from; None for all. Ten years of
        days; prices of decades ago, quoted in eighths, break the likelihood.

    References
    ----------
    Bollerslev (1987), Review of Economics and Statistics 69(3); Glosten, Jagannathan and Runkle (1993),
    Journal of Finance 48(5); Nelson (1991), Econometrica 59(2).
    """

    key: ClassVar[str] = "garch"
    name: ClassVar[str] = "GARCH family, Student's t"

    def __init__(self, *, kind: Kind = "garch", window: int | None = 2500) -> None:
        self.kind, self.window = kind, window

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
            change = bars.returns[span][1:][-(self.window or len(bars)) :]
            found, converged = estimate(change, self.kind)
            if not converged or not _sound(found["recursion"], change - found["mu"]):
                found = smoothed(change)
                failed.append(str(asset))
            drift, recursion = found["mu"], found["recursion"]
            self.parameters_[str(asset)] = {"mu": drift, "nu": found["nu"]}
            self.states_[str(asset)] = volatility_state(
                change, drift, recursion.variances, recursion.step, self.horizons_, self.levels_, None
            )  # fmt: skip
        self.notes_: tuple[str, ...] = tuple(
            f"The likelihood of {name!r} has no maximum that its residuals bear out; EWMA stands in for it."
            for name in failed
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
    recursion = Recursion(process, np.asarray(found.params.iloc[1:-1], np.float64), scale, float(first), kind)
    return {"mu": mu * scale, "nu": nu, "recursion": recursion}, found.convergence_flag == 0


def smoothed(change: FloatArray, decay: float = 0.94) -> dict[str, Any]:
    """Return EWMA in the form of :func:`estimate`, for where there is nothing better."""
    from arch.univariate import GARCH

    scale = float(change.std()) or 1.0
    first = float(np.mean((change / scale) ** 2)) or 1.0
    parameters = np.array([1e-6, 1 - decay, decay])
    return {"mu": 0.0, "nu": np.inf, "recursion": Recursion(GARCH(), parameters, scale, first, "garch")}


def _sound(recursion: Recursion, residuals: FloatArray) -> bool:
    """Whether residuals over their volatility are of about unit size."""
    units = residuals / np.sqrt(recursion.variances(residuals)[:-1])
    return bool(UNIT[0] < np.mean(units**2) < UNIT[1])
