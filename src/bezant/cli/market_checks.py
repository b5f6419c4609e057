"""What the commands of markets look at before any long work, and what they say of missing assets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bezant.cli.console import say
from bezant.schema.words import counted
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.desks.markets.forecaster import MarketForecaster
    from bezant.histories.market import Bars


def refuse_unjudged(
    bars: Bars, first: np.datetime64, horizons: Sequence[int], drawn: Sequence[str] | None
) -> None:
    """Refuse what would fail after hours of fits: a span too short to judge, an asset that is not there."""
    from bezant.evidence.markets.judging import FEWEST_ENDED

    known = set(map(str, bars.assets))
    for name in drawn or ():
        if name not in known:
            raise InputError(
                f"--draw {name!r} is not among the {counted(len(known), 'asset')} of the bars; name one."
            )
    if not (bars.time >= first).any():
        return  # said by the backtest itself, before any fit
    for horizon in horizons:
        ended = np.unique(bars.time[(bars.time >= first) & np.isfinite(bars.ahead(horizon))])
        if len(ended) >= max(FEWEST_ENDED, 3 * horizon):
            return
    raise InputError(
        f"From --first-origin {first.astype('datetime64[D]')} on no horizon has ended at "
        f"{max(FEWEST_ENDED, 3 * min(horizons))} times or more, which judging needs; begin earlier."
    )


def say_absent(market: MarketForecaster, bars: Bars | None = None) -> None:
    """Say which fitted assets have no bar at the last time."""
    said = market.absent(bars)
    if said is not None:
        say(said, "dim")
