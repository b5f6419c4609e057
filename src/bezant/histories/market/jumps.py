"""Jumps that look like a split or a consolidation of shares that the prices were not adjusted for."""

from __future__ import annotations

import numpy as np

from bezant.histories.market.bars import Bars
from bezant.histories.market.variance import overnight
from bezant.types import BoolArray, FloatArray

RATIOS = np.log([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
TOLERANCE = 0.05
"""How far from such a ratio, in logarithms: the market moves on the day of a split, too."""
UNUSUAL = 10.0
"""Times the median move of the bars before; a share that halves often is no split."""
BEFORE = 66
FEWEST = 20
NAMED = 3
"""Suspected splits that are named; further ones are counted."""


def suspected_splits(bars: Bars) -> list[tuple[str, np.datetime64, float]]:
    """Return asset, time and ratio of every move close to a whole ratio and far from what was usual.

    Where opens are known, the price must have opened there: shares are split overnight. Else a crash by half
    cannot be told from a split by prices alone, so this is a warning, not a mend.

    Parameters
    ----------
    bars : Bars
        Adjusted where a factor is known: an adjusted split does not jump. Differences have no splits.

    Returns
    -------
    list of (str, datetime64, float)
        The ratio is the new price over the one before: 0.5 for two shares for one.
    """
    if bars.change != "log":
        return []
    found = []
    nights = overnight(bars) if bars.has_ranges else np.full(len(bars), np.nan)
    for asset, span in zip(bars.assets, bars.spans(), strict=True):
        moves = bars.returns[span]
        far = np.abs(np.abs(moves)[:, None] - RATIOS)  # (m, ratios)
        near = (far < TOLERANCE) & _may_have_opened_at(RATIOS, moves, nights[span])
        for k in np.flatnonzero(near.any(axis=1)):
            before = np.abs(moves[max(k - BEFORE, 1) : k])
            if len(before) >= FEWEST and abs(moves[k]) > UNUSUAL * max(float(np.median(before)), 1e-9):
                found.append((str(asset), bars.time[span][k], float(np.exp(moves[k]))))
    return found


def _may_have_opened_at(ratios: FloatArray, moves: FloatArray, nights: FloatArray) -> BoolArray:
    """Return whether the night alone came near each ratio, in the move's direction, or is not known.

    Where the open is the close before to the last digit, it is a copy of that.
    """
    known = np.where(np.abs(nights) < 1e-9, np.nan, nights)
    gap = np.abs((np.sign(moves) * known)[:, None] - ratios)
    return np.asarray(~(gap >= TOLERANCE))


def said_of_splits(bars: Bars, since: np.datetime64 | None = None) -> list[str]:
    """Say in a sentence where splits are suspected, from a time on if one is given; nothing if nowhere.

    Of twenty shares, adjusted and over 32 years, nine real moves look like one: hence "or".
    """
    found = [each for each in suspected_splits(bars) if since is None or each[1] >= since]
    if not found:
        return []
    named = ", ".join(
        f"{name!r} by a factor of {ratio:.3g} at {time.astype('datetime64[D]')}"
        for name, time, ratio in found[:NAMED]
    )
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    one = len(found) == 1
    return [
        f"{len(found)} {'move looks like a split' if one else 'moves look like splits'} that nobody adjusted "
        f"for ({named}{more}), unless the price did move so, which closes alone cannot tell: give adjusted "
        "prices where it did not."
    ]
