"""From a backtest to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bezant.evidence.markets import PartValue, part_values
from bezant.reports.market_page import MarketReportContent, write_market_report
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.desks.markets.backtest import MarketBacktest

DRAWN = 3
"""Assets that are drawn where none are named."""


def write_backtest_report(
    backtest: MarketBacktest,
    path: str | Path,
    *,
    assets: Sequence[str] | None = None,
    title: str,
    created: str | None = None,
    configuration: Mapping[str, object] | None = None,
) -> Path:
    """Write fans, volatility, VaR, coverage, scores with tests, parts and breaks as one HTML file.

    Parameters
    ----------
    backtest : MarketBacktest
    path : path
    assets : sequence of str, optional
        Assets that are drawn; the first three if not given.
    title, created : str
        Heading, and the moment to print; now if None.
    configuration : mapping, optional
        Settings to print.

    Raises
    ------
    InputError
        If an asset is not in the backtest.
    """
    bars, found = backtest.bars, backtest.forecast
    known = [str(a) for a in bars.assets[np.unique(bars.owner[found.rows])]]
    unknown = [name for name in assets or () if name not in known]
    if unknown:
        raise InputError(f"{unknown[0]!r} is not among the {len(known)} assets of the backtest.")
    content = MarketReportContent(
        title,
        created or datetime.now(UTC).replace(microsecond=0, tzinfo=None).isoformat(),
        bars,
        backtest.forecasts,
        backtest.scores,
        backtest.refits,
        {name: weights.mean(axis=1) for name, weights in backtest.weights.items()},
        values_of_parts(backtest),
        {
            name: backtest.surprise(name) if found.horizons[0] == 1 else None
            for name in assets or known[:DRAWN]
        },
        configuration or {},
        backtest.notes,
    )
    return write_market_report(content, path)


def values_of_parts(backtest: MarketBacktest) -> tuple[PartValue, ...]:
    """Return what each part of the combination gave over the backtest; nothing for one alone."""
    parts = {n: f for n, f in backtest.forecasts.items() if n in backtest.weights}
    if len(parts) < 2:
        return ()
    times = backtest.bars.time[backtest.forecast.rows]
    fit = np.searchsorted(backtest.refits, times, side="right") - 1
    return part_values(backtest.bars, parts, {name: backtest.weights[name][fit] for name in parts})
