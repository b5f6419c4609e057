"""What the commands of markets look at before any long work, and what they say of missing assets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bezant.cli.console import say
from bezant.types import InputError

if TYPE_CHECKING:
    from bezant.desks.markets.forecaster import MarketForecaster
    from bezant.histories.market import Bars


def moment(text: str) -> np.datetime64:
    """Return the time that was typed for --first-origin."""
    try:
        found = np.datetime64(text.strip().replace(" ", "T", 1), "us")
    except ValueError as error:
        raise InputError(
            f"--first-origin is a time such as 2013-01-31 or '2013-01-31 17:30', not {text!r}."
        ) from error
    if np.isnat(found):
        raise InputError(f"--first-origin is a time such as 2013-01-31 or '2013-01-31 17:30', not {text!r}.")
    return found


def refuse_unjudged(
    bars: Bars, first: np.datetime64, horizons: Sequence[int], drawn: Sequence[str] | None
) -> None:
    """Refuse what would fail after hours of fits: a span too short to judge, an asset that is not there."""
    from bezant.evidence.markets.scores import FEWEST_ENDED

    known = set(map(str, bars.assets))
    for name in drawn or ():
        if name not in known:
            raise InputError(f"--draw {name!r} is not among the {len(known)} assets of the bars; name one.")
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
    """Say which fitted assets have no bar at the last time: the others are then seen without them."""
    known = market.bars_ if bars is None else bars
    last = known.time[known.offsets[1:] - 1]
    here = known.assets[last == last.max()]
    absent = market.bars_.assets[~np.isin(market.bars_.assets, here)]
    if len(absent):
        named = f"{', '.join(map(str, absent[:3]))}{' and others' if len(absent) > 3 else ''}"
        when = str(last.max())[:16].removesuffix("T00:00")
        say(
            f"{len(absent)} of the {len(market.bars_.assets)} fitted assets have no bar at {when}, the last "
            f"time ({named}): the market as a whole is measured without them there.",
            "dim",
        )
