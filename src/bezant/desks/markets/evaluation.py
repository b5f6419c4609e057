"""What held-out origins say of a forecaster and of its parts; direction against always-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from bezant.desks.markets.weights import Combination, Outcome
from bezant.histories.market import Bars
from bezant.metrics.market.comparison import newey_west_lags, newey_west_variance
from bezant.traditional.markets import MarketForecast
from bezant.types import AnyArray, IntArray

LEAK = 0.53
"""Share of directions foreseen, a bar ahead, above which a leak is likelier than skill."""
COMBINED = "forecaster"
BAND = (0.05, 0.95)
Z = 1.96


@dataclass(frozen=True)
class Direction:
    """Directions foreseen over one horizon.

    Attributes
    ----------
    horizon : int
    hits, always_up : float
        Share of origins whose direction was the forecast one; whose change was above 0.
    advantage, low, high : float
        Their difference and its 95 % interval, days counted as correlated over the horizon.
    """

    horizon: int
    hits: float
    always_up: float
    advantage: float
    low: float
    high: float

    @property
    def too_good(self) -> bool:
        """Whether a leak is the likelier explanation."""
        return self.horizon == 1 and self.hits > LEAK and self.low > 0


@dataclass(frozen=True)
class MarketEvaluation:
    """Figures of held-out origins.

    Weights and corrections are learned on the first half of them and judged on the second, so that nothing is
    judged on what it learned; the large model's epoch was chosen on all of them, which flatters it a little.

    Attributes
    ----------
    origins : int
        Of the second half.
    horizons : tuple of int
    variance_loss, quantile_loss, covered : mapping of model to a value a horizon
        QLIKE without its constant (r / f + log f); mean pinball loss; share within the band of 90 %.
    direction : tuple of Direction
        Of the forecaster, one a horizon.
    """

    origins: int
    horizons: tuple[int, ...]
    variance_loss: Mapping[str, tuple[float, ...]]
    quantile_loss: Mapping[str, tuple[float, ...]]
    covered: Mapping[str, tuple[float, ...]]
    direction: tuple[Direction, ...]

    @classmethod
    def of(cls, parts: Mapping[str, MarketForecast], outcome: Outcome, bars: Bars, rows: IntArray) -> Self:
        """Judge parts and their combination."""
        times = np.unique(bars.time[rows])
        early = bars.time[rows] < times[len(times) // 2]
        first, second = np.flatnonzero(early), np.flatnonzero(~early)
        learned = Combination.learn(
            [p.take(first) for p in parts.values()], _taken(outcome, first, len(times) // 2)
        )
        judged = {name: part.take(second) for name, part in parts.items()}
        judged[COMBINED] = learned.apply(list(judged.values()))
        rest = _taken(outcome, second, len(times) - len(times) // 2)
        low, high = (int(np.abs(np.asarray(judged[COMBINED].levels) - b).argmin()) for b in BAND)
        inside = {
            name: (rest.change >= f.quantiles[..., low]) & (rest.change <= f.quantiles[..., high])
            for name, f in judged.items()
        }
        days = bars.time[rows[second]]
        return cls(
            len(second),
            judged[COMBINED].horizons,
            {name: _means(rest.variance_losses(f.variance)) for name, f in judged.items()},
            {name: _means(rest.quantile_losses(f)) for name, f in judged.items()},
            {name: _means(held) for name, held in inside.items()},
            tuple(
                direction_of(h, judged[COMBINED].up[:, k], rest.change[:, k], days)
                for k, h in enumerate(judged[COMBINED].horizons)
            ),
        )

    def sentences(self) -> tuple[str, ...]:
        """Say what the figures say."""
        return tuple(_said(d) for d in self.direction)

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON-ready values."""
        return asdict(self)

    @classmethod
    def restore(cls, document: Mapping[str, Any]) -> Self:
        """Build it again from what :meth:`document` gave."""
        tables = {
            name: {k: tuple(v) for k, v in document[name].items()}
            for name in ("variance_loss", "quantile_loss", "covered")
        }
        direction = tuple(Direction(**d) for d in document["direction"])
        return cls(document["origins"], tuple(document["horizons"]), **tables, direction=direction)


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
    _, day = np.unique(days, return_inverse=True)
    gap = np.bincount(day, hit.astype(float) - rose) / np.bincount(day)
    lags = min(max(horizon - 1, newey_west_lags(len(gap))), len(gap) - 1)
    error = float(np.sqrt(max(newey_west_variance(gap, lags), 0.0) / len(gap)))
    mean = float(gap.mean())
    return Direction(horizon, float(hit.mean()), float(rose.mean()), mean, mean - Z * error, mean + Z * error)


def _said(found: Direction) -> str:
    figures = (
        f"Direction over {found.horizon} bars: {found.hits:.1%} foreseen, always-up {found.always_up:.1%}, "
        f"difference {found.advantage:+.1%} ({found.low:+.1%} to {found.high:+.1%})"
    )
    if found.too_good:
        return (
            f"{figures}: too good for one bar ahead and probably a leak, so look for a column that knows it."
        )
    return f"{figures}: {'better than' if found.low > 0 else 'no better than'} always-up."


def _means(values: AnyArray) -> tuple[float, ...]:
    return tuple(float(v) for v in values.mean(axis=0))


def _taken(outcome: Outcome, places: IntArray, times: int) -> Outcome:
    return Outcome(outcome.change[places], outcome.variance[places], times)
