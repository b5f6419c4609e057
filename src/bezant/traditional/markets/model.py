"""What every model of markets can do, and how it is walked forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from bezant.histories.market import Bars
from bezant.schema.words import counted
from bezant.traditional.markets.forecast import HORIZONS, LEVELS, MarketForecast, stacked
from bezant.types import InputError, IntArray


class MarketModel(Protocol):
    """A peer of the large forecaster: learns from bars, answers with distributions at any later origin.

    ``fit`` sees the past alone because it is given nothing else. ``forecast`` may be given bars behind an
    origin (those of later origins) and must answer as if they were not there; a test overwrites them.
    """

    key: ClassVar[str]
    """Its stable name."""
    name: ClassVar[str]
    """Its name in tables and reports."""
    notes_: tuple[str, ...]
    """What was chosen, floored or left aside."""

    def fit(
        self, bars: Bars, *, horizons: Sequence[int] = HORIZONS, levels: Sequence[float] = LEVELS
    ) -> Self:
        """Learn from all bars given, for these horizons and levels."""
        ...

    def forecast(self, bars: Bars, rows: IntArray) -> MarketForecast:
        """Answer at rows of bars that go on from those of ``fit``; parameters stay, states are filtered."""
        ...


def walk(
    model: MarketModel,
    bars: Bars,
    rows: IntArray,
    *,
    refit_every: int,
    horizons: Sequence[int] = HORIZONS,
    levels: Sequence[float] = LEVELS,
) -> MarketForecast:
    """Forecast from every origin, fitted anew every so many times of them on what was known then.

    Parameters
    ----------
    model : MarketModel
        Fitted again and again.
    bars : Bars
    rows : int array of shape (n,)
        Origins; every asset's at a time belong to the same fit.
    refit_every : int
        Distinct times of origins from one fit to the next. Between fits states are filtered bar by bar.
    horizons, levels : sequences, default (1, 5, 21) and 13 levels from 0.5 % to 99.5 %

    Returns
    -------
    MarketForecast
        In the order of ``rows``.
    """
    if refit_every < 1 or not len(rows):
        raise InputError(f"A walk needs an origin and a refit every 1 time or more, not {refit_every}.")
    times = np.unique(bars.time[rows])
    parts, places = [], []
    for start in range(0, len(times), refit_every):
        first, last = times[start], times[min(start + refit_every, len(times)) - 1]
        place = np.flatnonzero((bars.time[rows] >= first) & (bars.time[rows] <= last))
        model.fit(bars.until(first), horizons=horizons, levels=levels)
        kept = np.flatnonzero(bars.time <= last)
        found = model.forecast(bars.take(kept), np.searchsorted(kept, rows[place]))
        parts.append(found)
        places.append(place)
    return stacked(parts).take(np.argsort(np.concatenate(places)), rows=np.asarray(rows))


def last_origins(bars: Bars, count: int, horizon: int = 1) -> IntArray:
    """Return the rows of each asset's last ``count`` origins from which ``horizon`` bars follow.

    Raises
    ------
    InputError
        If an asset has fewer.
    """
    sizes = np.diff(bars.offsets)
    if (sizes < count + horizon).any():
        short = int(np.argmin(sizes))
        raise InputError(
            f"Asset {str(bars.assets[short])!r} has {sizes[short]} bars, too few for {count} origins with "
            f"{counted(horizon, 'bar')} ahead."
        )
    ends = bars.offsets[1:, None] - horizon
    rows: IntArray = (ends + np.arange(-count, 0)).ravel()
    return rows


def fitted_for(parts: dict[str, Any], asset: str, name: str) -> Any:
    """Return what was fitted for an asset.

    Raises
    ------
    InputError
        If it was not there when the model was fitted.
    """
    if asset not in parts:
        raise InputError(
            f"{name} was fitted without the asset {asset!r}; fit it again with its bars, or leave it out."
        )
    return parts[asset]


def refuse_short(bars: Bars, fewest: int, name: str) -> None:
    """Raise an :class:`~bezant.types.InputError` if an asset has too few bars to learn from."""
    sizes = np.diff(bars.offsets)
    if (sizes < fewest).any():
        short = int(np.argmin(sizes))
        raise InputError(
            f"{name} needs {fewest} bars of each asset but {str(bars.assets[short])!r} has {sizes[short]}; "
            f"give a longer past or leave it out."
        )
