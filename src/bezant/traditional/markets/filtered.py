"""Filtered historical simulation: standardised residuals drawn again through a recursion of the variance.

A recursion of the GARCH kind knows the past by one number, the next variance. Its distributions over all
horizons are simulated once a fit on a grid of that number, with the same draws everywhere, and read between
grid points at every origin: thousands of origins cost as much as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bezant.traditional.markets.tails import empirical
from bezant.types import FloatArray, IntArray

GRID = 16
PATHS = 5000

Step = Callable[[FloatArray, FloatArray], FloatArray]
"""From variances and standardised shocks of one shape to the next variances."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """Distributions about a drift of 0 at g variances of the next bar, in units of its volatility.

    Attributes
    ----------
    grid : float array of shape (g,)
        Logarithms of the variances, rising.
    variance, up : float arrays of shape (g, h)
        Variance over that of the next bar; probability that the change and its drift are above 0.
    quantiles, shortfall : float arrays of shape (g, h, q)
    """

    grid: FloatArray
    variance: FloatArray
    quantiles: FloatArray
    shortfall: FloatArray
    up: FloatArray

    def at(self, variance: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Return variance, quantiles, shortfall and up at next variances of shape (n,), in the real unit.

        Beyond the grid its ends hold in units of volatility.
        """
        place = np.clip(np.log(variance), self.grid[0], self.grid[-1])
        low = np.clip(np.searchsorted(self.grid, place) - 1, 0, len(self.grid) - 2)
        part = (place - self.grid[low]) / (self.grid[low + 1] - self.grid[low])

        def between(values: FloatArray) -> FloatArray:
            weight = part.reshape(-1, *[1] * (values.ndim - 1))
            mixed: FloatArray = (1 - weight) * values[low] + weight * values[low + 1]
            return mixed

        scale = np.sqrt(variance)[:, None, None]
        return (
            between(self.variance) * variance[:, None],
            between(self.quantiles) * scale,
            between(self.shortfall) * scale,
            between(self.up),
        )


def simulate(
    step: Step,
    pool: FloatArray,
    variances: FloatArray,
    drift: float,
    horizons: Sequence[int],
    levels: Sequence[float],
    *,
    paths: int = PATHS,
    random_state: int = 0,
) -> Simulated:
    """Simulate changes over all horizons from a grid between the least and the largest variance seen.

    Over one bar nothing is drawn: the pool itself is the distribution. In each later step every residual is
    drawn equally often, in a random order.

    Parameters
    ----------
    step : callable
        The recursion.
    pool : float array of shape (p,)
        Residuals of the past over their volatility. They are brought to mean 0 and mean square 1 here, so
        that the variance means the same over every horizon.
    variances : float array
        Variances of the past; the grid goes from half the least to four times the largest.
    drift : float
        Mean change of a bar, for the probability of up alone.
    horizons, levels : sequences of h and q
    paths : int, default 5000
    random_state : int, default 0

    References
    ----------
    Barone-Adesi, Giannopoulos and Vosper (1999), "VaR without correlations for portfolios of derivative
    securities", Journal of Futures Markets 19(5).
    """
    pool = (pool - pool.mean()) / (pool.std() or 1.0)  # residuals that are all alike stay 0
    grid = np.linspace(np.log(variances.min() / 2), np.log(variances.max() * 4), GRID)
    start = np.exp(grid)[:, None]
    totals = _totals(step, start, _draws(pool, paths, max(horizons), random_state), horizons)
    if 1 in horizons:
        totals[list(horizons).index(1)] = np.sqrt(start) * pool
    found = [empirical(total / np.sqrt(start), levels) for total in totals]
    return Simulated(
        grid,
        np.stack(
            [
                np.ones(GRID) if h == 1 else total.var(axis=1) / start[:, 0]
                for h, total in zip(horizons, totals, strict=True)
            ],
            axis=1,
        ),
        np.stack([quantiles for quantiles, _ in found], axis=1),
        np.stack([shortfall for _, shortfall in found], axis=1),
        np.stack(
            [(total > -drift * h).mean(axis=1) for h, total in zip(horizons, totals, strict=True)], axis=1
        ),
    )


def _draws(pool: FloatArray, paths: int, steps: int, random_state: int) -> FloatArray:
    """Return shocks of shape (steps, paths); in a step residuals appear equally often."""
    random = np.random.default_rng(random_state)
    places: IntArray = np.arange(paths) * len(pool) // paths  # even over the sorted pool
    return np.stack([np.sort(pool)[random.permutation(places)] for _ in range(steps)])


def _totals(step: Step, start: FloatArray, draws: FloatArray, horizons: Sequence[int]) -> list[FloatArray]:
    variance = np.repeat(start, draws.shape[1], axis=1)
    total, kept = np.zeros(variance.shape), {}
    for k, shock in enumerate(draws, 1):
        total = total + np.sqrt(variance) * shock
        if k in horizons:
            kept[k] = total
        if k < len(draws):
            variance = step(variance, np.broadcast_to(shock, variance.shape))
    return [kept[h] for h in horizons]
