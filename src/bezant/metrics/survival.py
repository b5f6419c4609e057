"""Figures of predictions of *when*: censoring, Kaplan-Meier, weighted Brier score, concordance.

Durations are right-censored: where no event was seen, it is only known that none came before the end of
observation. Leaving such rows out, or counting them as survivors for ever, would both bias every figure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bezant.types import AnyArray, BoolArray, FloatArray

Floats = npt.NDArray[np.float64]

BLOCK = 2048
"""Rows compared with each other directly; the rest by binary search in what is already sorted."""


def status_at(duration: FloatArray, event: BoolArray, month: float) -> tuple[BoolArray, BoolArray]:
    """Return whether the event came by ``month``, and for which rows that is known, bool (n,) each.

    Known are rows whose event was seen by then and rows observed for at least so long.
    """
    by_then = np.asarray(event, bool) & (duration <= month)
    return by_then, by_then | (np.asarray(duration) >= month)


def kaplan_meier(duration: FloatArray, event: BoolArray, at: AnyArray, *, before: bool = False) -> Floats:
    """Return the probability of no event by each time (Kaplan and Meier 1958), shape of ``at``.

    Parameters
    ----------
    duration : float64 array, shape (n,)
    event : bool array, shape (n,)
    at : array of times
    before : bool, default False
        The curve's value just before each time instead.
    """
    times, place = np.unique(duration, return_inverse=True)
    events = np.bincount(place, np.asarray(event, np.float64), len(times))
    leaving = np.bincount(place, minlength=len(times))
    at_risk = len(duration) - np.cumsum(leaving) + leaving
    curve = np.append(1.0, np.cumprod(1 - events / np.maximum(at_risk, 1)))
    return np.asarray(curve[np.searchsorted(times, at, side="left" if before else "right")], np.float64)


def censored_brier(duration: FloatArray, event: BoolArray, p: FloatArray, month: float) -> float:
    """Return the mean squared error of the probability of the event by ``month``, for censored rows.

    Each row whose status is known counts by the inverse of the chance that it would be known, from a
    Kaplan-Meier curve of the censoring (Graf et al. 1999, equation 3).
    """
    by_then, known = status_at(duration, event, month)
    censored = ~np.asarray(event, bool)
    # A row censored at the very month is known to have reached it, so the curve is taken just before.
    chance = np.where(
        by_then,
        kaplan_meier(duration, censored, duration, before=True),
        kaplan_meier(duration, censored, np.full(len(duration), month), before=True),
    )
    weight = np.where(known, 1 / np.maximum(chance, 1e-9), 0.0)
    return float(np.mean(weight * (by_then - np.asarray(p)) ** 2)) if len(duration) else float("nan")


def concordance(duration: FloatArray, event: BoolArray, risk: FloatArray) -> float:
    """Return the share of comparable pairs whose earlier event had the higher risk (Harrell et al. 1982).

    A pair is comparable if one had its event while the other was still observed without one. Equal risks
    count one half; NaN without comparable pairs. Time grows as n log n for n rows of different durations.
    """
    event = np.asarray(event, bool)
    order = np.lexsort((event, -np.asarray(duration)))
    time, hit, risk = np.asarray(duration)[order], event[order], np.asarray(risk, np.float64)[order]
    later: Floats = np.empty(0)  # risks of all rows of strictly later blocks, sorted
    right = pairs = 0.0
    for block in _blocks(time):
        t, h, r = time[block], hit[block], risk[block]
        mine = r[h]
        right += 0.5 * (np.searchsorted(later, mine) + np.searchsorted(later, mine, side="right")).sum()
        pairs += len(mine) * len(later)
        for one in range(0, len(mine), BLOCK):
            own, when = mine[one : one + BLOCK, None], t[h][one : one + BLOCK, None]
            beside = (t > when) | ((t == when) & ~h)
            right += (beside & (own > r)).sum() + 0.5 * (beside & (own == r)).sum()
            pairs += beside.sum()
        later = np.sort(np.concatenate([later, r]))
    return float(right / pairs) if pairs else float("nan")


def _blocks(time: FloatArray) -> list[slice]:
    """Cut descending times into blocks of about :data:`BLOCK` rows; equal times stay together."""
    ends = np.flatnonzero(np.diff(time)) + 1
    cuts, start = [], 0
    for end in (*ends.tolist(), len(time)):
        if end - start >= BLOCK or end == len(time):
            cuts.append(slice(start, end))
            start = end
    return cuts
