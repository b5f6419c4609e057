"""Jumps that look like a split or a consolidation of shares that the prices were not adjusted for."""

from __future__ import annotations

import numpy as np

from bezant.histories.market.bars import Bars

RATIOS = np.log([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100])
TOLERANCE = 0.05
"""How far from such a ratio, in logarithms: the market moves on the day of a split, too."""
UNUSUAL = 10.0
"""Times the median move of the bars before; a share that halves often is no split."""
BEFORE = 66
FEWEST = 20
NAMED = 3
"""Suspected splits that are named one by one; further ones are counted."""


def suspected_splits(bars: Bars) -> list[tuple[str, np.datetime64, float]]:
    """Return asset, time and ratio of every move close to a whole ratio and far from what was usual.

    A crash by half cannot be told from a split by prices alone, so this is a warning, not a mend.

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
    for asset, span in zip(bars.assets, bars.spans(), strict=True):
        moves = bars.returns[span]
        near = np.abs(np.abs(moves)[:, None] - RATIOS).min(axis=1, initial=np.inf) < TOLERANCE
        for k in np.flatnonzero(near):
            before = np.abs(moves[max(k - BEFORE, 1) : k])
            if len(before) >= FEWEST and abs(moves[k]) > UNUSUAL * max(float(np.median(before)), 1e-9):
                found.append((str(asset), bars.time[span][k], float(np.exp(moves[k]))))
    return found


def said_of_splits(bars: Bars, since: np.datetime64 | None = None) -> list[str]:
    """Say of every suspected split where it is, a sentence each; of those from a time on if one is given."""
    found = [each for each in suspected_splits(bars) if since is None or each[1] >= since]
    said = [
        f"{name!r} changes by a factor of {ratio:.3g} at {time.astype('datetime64[D]')}, like a split that "
        "nobody adjusted for; give adjusted prices if it is one."
        for name, time, ratio in found[:NAMED]
    ]
    more = len(found) - NAMED
    return said + ([f"{more} further jumps look like splits."] if more > 0 else [])
