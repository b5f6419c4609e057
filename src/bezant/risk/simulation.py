"""Scenarios of many assets at once: days drawn whole, so that what fell together falls together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bezant.metrics.checks import Floats
from bezant.risk.words import asset_names
from bezant.schema.words import counted
from bezant.types import InputError

SCENARIOS = 10_000
"""Scenarios drawn: the ES of 97.5 % then rests on the 250 worst."""


@dataclass(frozen=True)
class Scenarios:
    """Equally likely log returns of the assets, from the origin to each horizon.

    Parameters
    ----------
    assets : tuple of str
        Names of the k assets.
    horizons : tuple of int
        Steps from the origin, rising.
    returns : float64 array, shape (h, S, k)
        Log return of each asset to each horizon in each scenario; a scenario is one path, so that its
        horizons belong together.
    """

    assets: tuple[str, ...]
    horizons: tuple[int, ...]
    returns: Floats

    def __post_init__(self) -> None:
        shape = self.returns.shape
        if len(shape) != 3 or shape[0] != len(self.horizons) or shape[2] != len(self.assets):
            raise InputError(
                f"Scenarios of {counted(len(self.horizons), 'horizon')} and "
                f"{counted(len(self.assets), 'asset')} have the shape {shape}; give (horizons, scenarios, "
                "assets)."
            )
        if not shape[1] or not np.isfinite(self.returns).all():
            raise InputError("Scenarios are missing or infinite; give at least one, without gaps.")

    def at(self, horizon: int) -> Floats:
        """Return the log returns to one horizon, shape (S, k).

        Raises
        ------
        InputError
            If the horizon was not simulated.
        """
        if horizon not in self.horizons:
            raise InputError(f"The horizon {horizon} was not simulated; choose one of {self.horizons}.")
        return np.asarray(self.returns[self.horizons.index(horizon)])


@dataclass(frozen=True)
class VarianceRecursion:
    """How tomorrow's variance follows from today's: omega + (alpha + gamma [e < 0]) e^2 + beta variance.

    GARCH(1, 1) with ``gamma`` 0, GJR-GARCH with it, exponential weighting with omega 0 and alpha = 1 - beta.

    Parameters
    ----------
    omega, alpha, beta, gamma : array-like of shape (k,) or a single number
        As fitted; e is the return less its mean, in the same unit as the volatilities.
    """

    omega: npt.ArrayLike
    alpha: npt.ArrayLike
    beta: npt.ArrayLike
    gamma: npt.ArrayLike = 0.0

    def __post_init__(self) -> None:
        if any(np.any(~(np.asarray(v, dtype=np.float64) >= 0)) for v in (self.omega, self.alpha, self.beta)):
            raise InputError("omega, alpha and beta of a variance recursion are at least 0; fit them again.")

    def next(self, variance: Floats, shock: Floats) -> Floats:
        """Return the variance of the step after one with this variance and shock; shapes (..., k)."""
        omega, alpha, beta, gamma = (
            np.asarray(v, dtype=np.float64) for v in (self.omega, self.alpha, self.beta, self.gamma)
        )
        return np.asarray(omega + (alpha + gamma * (shock < 0)) * shock**2 + beta * variance)


def historical_scenarios(
    returns: npt.ArrayLike, *, horizons: Sequence[int] = (1,), assets: Sequence[str] | None = None
) -> Scenarios:
    """Return what came in the past as scenarios: every stretch of the longest horizon, overlapping.

    Parameters
    ----------
    returns : array-like of shape (T, k)
        Log returns in order of time, such as the last 1,000 days.
    horizons : sequence of int, default (1,)
    assets : sequence of str, optional
        "asset 1", "asset 2" and so on if not given.

    Raises
    ------
    InputError
        If a return is missing or the longest horizon has more steps than there are returns.
    """
    past, steps = _table(returns, "The returns"), _horizons(horizons)
    if len(past) < steps[-1]:
        raise InputError(f"{len(past)} returns do not hold a horizon of {steps[-1]}; give a longer history.")
    starts = np.arange(len(past) - steps[-1] + 1)
    level = np.concatenate([np.zeros((1, past.shape[1])), np.cumsum(past, axis=0)])
    drawn = np.stack([level[starts + h] - level[starts] for h in steps])
    return Scenarios(asset_names(assets, past.shape[1]), steps, drawn)


def filtered_historical_scenarios(
    residuals: npt.ArrayLike,
    volatility: npt.ArrayLike,
    *,
    horizons: Sequence[int] = (1,),
    mean: npt.ArrayLike = 0.0,
    recursion: VarianceRecursion | None = None,
    assets: Sequence[str] | None = None,
    scenarios: int = SCENARIOS,
    random_state: int = 0,
) -> Scenarios:
    """Draw scenarios from past surprises at today's volatility, all assets of a day together.

    Parameters
    ----------
    residuals : array-like of shape (T, k)
        Past returns over the volatility that was forecast for them (never one fitted with them), in days
        that all assets share. Their mean and spread are taken as they are.
    volatility : array-like of shape (k,) or (H, k)
        Standard deviation of the next step, or of each of the H steps to the longest horizon.
    horizons : sequence of int, default (1,)
        Steps ahead.
    mean : array-like of shape (k,), default 0
        Expected log return of a step.
    recursion : VarianceRecursion, optional
        Lets the volatility of a path answer to the path's own shocks, so that bad days come in groups;
        needs ``volatility`` of shape (k,). Without it a single volatility is kept for all steps.
    assets : sequence of str, optional
    scenarios : int, default 10000
    random_state : int, default 0

    Returns
    -------
    Scenarios

    Raises
    ------
    InputError
        If shapes do not fit, a value is missing, or a volatility is not above 0.

    References
    ----------
    Barone-Adesi, Giannopoulos and Vosper (1999), "VaR without correlations for portfolios of derivative
    securities", Journal of Futures Markets 19.
    """
    surprises, steps = _table(residuals, "The residuals"), _horizons(horizons)
    count = surprises.shape[1]
    path = _volatility_path(volatility, steps[-1], count, recursion)
    drift = np.broadcast_to(np.asarray(mean, dtype=np.float64), (count,))
    day = np.random.default_rng(random_state).integers(len(surprises), size=(steps[-1], scenarios))
    variance = np.broadcast_to(path[0] ** 2, (scenarios, count))
    total, kept = np.zeros((scenarios, count)), []
    for step in range(steps[-1]):
        if recursion is None:
            variance = path[step] ** 2
        shock = np.sqrt(variance) * surprises[day[step]]
        total = total + drift + shock
        if recursion is not None:
            variance = recursion.next(variance, shock)
        if step + 1 in steps:
            kept.append(total)
    return Scenarios(asset_names(assets, count), steps, np.stack(kept))


def _volatility_path(
    volatility: npt.ArrayLike, steps: int, count: int, recursion: VarianceRecursion | None
) -> Floats:
    """Return the volatility of each step, shape (steps, k)."""
    given = np.asarray(volatility, dtype=np.float64)
    if not np.all(given > 0) or not np.isfinite(given).all():
        raise InputError("A volatility is missing or not above 0; forecast one for each asset.")
    if given.shape == (count,):
        return np.broadcast_to(given, (steps, count))
    if recursion is not None or given.shape != (steps, count):
        raise InputError(
            f"Volatility of shape {given.shape} does not fit {counted(count, 'asset')} and "
            f"{counted(steps, 'step')}; give ({count},){'' if recursion else f' or ({steps}, {count})'}."
        )
    return given


def _table(values: npt.ArrayLike, what: str) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.size:
        raise InputError(f"{what} have the shape {table.shape}; give one row a day and one column an asset.")
    lost = int((~np.isfinite(table)).any(axis=1).sum())
    if lost:
        raise InputError(
            f"{what} are missing on {lost} of {len(table)} days; keep the days all assets share."
        )
    return table


def _horizons(horizons: Sequence[int]) -> tuple[int, ...]:
    steps = tuple(sorted({int(h) for h in horizons}))
    if not steps or steps[0] < 1:
        raise InputError(f"Horizons are steps of at least 1, not {tuple(horizons)}; write (1, 5, 21).")
    return steps
