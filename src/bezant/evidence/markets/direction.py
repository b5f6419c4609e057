"""Directions foreseen, against always-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bezant.evidence.markets.words import signed
from bezant.metrics.market.comparison import newey_west_lags, newey_west_variance
from bezant.types import AnyArray

LEAK = 0.53
"""Share of directions foreseen, a bar ahead, above which a leak is likelier than skill."""
OFTEN = np.timedelta64(4, "D")
"""Longest usual step between bars of which that is said: months and quarters do go on as they were."""
Z = 1.96


@dataclass(frozen=True)
class Direction:
    """Directions foreseen over one horizon.

    Attributes
    ----------
    horizon : int
    hits, always_up : float
        Share of assets whose direction was the forecast one, and whose change was above 0, the mean over
        times.
    advantage, low, high : float
        Their difference and its 95 % interval, days counted as correlated over the horizon.
    often : bool
        Whether bars are of a day or less.
    """

    horizon: int
    hits: float
    always_up: float
    advantage: float
    low: float
    high: float
    often: bool = True

    @property
    def too_good(self) -> bool:
        """Whether a leak is the likelier explanation."""
        return self.often and self.horizon == 1 and self.hits > LEAK and self.low > 0

    @property
    def sentence(self) -> str:
        """What was foreseen, and whether that is more than nothing."""
        bars = "1 bar" if self.horizon == 1 else f"{self.horizon} bars"
        figures = (
            f"Direction over {bars}: {self.hits:.1%} foreseen, always-up {self.always_up:.1%}, "
            f"difference {signed(self.advantage, '.1%')} "
            f"({signed(self.low, '.1%')} to {signed(self.high, '.1%')})"
        )
        if self.too_good:
            return (
                f"{figures}: too good for one bar ahead and probably a leak, so look for a column that knows "
                "it."
            )
        return f"{figures}: {'better than' if self.low > 0 else 'no better than'} always-up."


def direction_of(horizon: int, up: AnyArray, change: AnyArray, days: AnyArray) -> Direction:
    """Compare the forecast direction with always-up.

    Parameters
    ----------
    horizon : int
    up, change : float arrays of shape (n,)
        Probability of up, and what came; a change of 0 is no rise.
    days : datetime64 array of shape (n,)
        Assets of one day share its shock, so that days are what is counted.
    """
    rose = change > 0
    hit = (up > 0.5) == rose
    times, day = np.unique(days, return_inverse=True)
    often = bool(len(times) < 2 or np.median(np.diff(times)) <= OFTEN)
    # Shares of days, not of rows: where assets come and go, the difference is then that of both.
    hits, rises = (np.bincount(day, came) / np.bincount(day) for came in (hit, rose))
    gap = hits - rises
    lags = min(max(horizon - 1, newey_west_lags(len(gap))), len(gap) - 1)
    error = float(np.sqrt(max(newey_west_variance(gap, lags), 0.0) / len(gap)))
    mean = float(gap.mean())
    return Direction(
        horizon, float(hits.mean()), float(rises.mean()), mean, mean - Z * error, mean + Z * error, often
    )
