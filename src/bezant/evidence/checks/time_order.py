"""The ordering time: missing, all the same, in the future, with gaps, not in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import numpy.typing as npt

from bezant.evidence.checks.finding import Finding, named, of_rows
from bezant.evidence.checks.view import Column, View

GAP_SHARE = 0.1
"""Share of the whole span from which a stretch without rows is a gap."""

EITHER_SIDE = 0.01
"""Share of the rows that must lie on both sides of a gap, so that a few stray dates make none."""


def time_findings(view: View, today: date | None = None) -> Iterator[Finding]:
    """Find what is strange about the ordering time.

    Parameters
    ----------
    view : View
    today : date, optional
        The day after which times lie in the future, default the day of the call.
    """
    time = view.time
    if time is None:
        return
    missing = view.rows - time.filled
    if missing:
        yield Finding(
            "time-missing", "refuse" if not time.filled else "warn", (time.name,),
            f"{named([time.name])} is missing in {of_rows(missing, view.rows)}, which can stand on no side "
            "of a split by time; fill it in or leave those rows out.",
            {"rows": view.rows, "missing": missing},
        )  # fmt: skip
    if not time.filled:
        return
    if len(time.values) == 1:
        yield Finding(
            "time-constant", "warn", (time.name,),
            f"{named([time.name])} holds the same time in all {time.filled:,} rows that have one; name "
            "another time or split at random.",
            {"rows": view.rows},
        )  # fmt: skip
        return
    yield from _future(time, today or date.today())
    yield from _gaps(time)
    days = time.numbers()
    known = days[~np.isnan(days)]
    backwards = int(np.count_nonzero(np.diff(known) < 0))
    if backwards:
        yield Finding(
            "time-not-in-order", "note", (time.name,),
            f"{named([time.name])} goes back in {of_rows(backwards, view.rows)}; nothing needs doing, for "
            "the rows are sorted by it wherever their order counts.",
            {"rows": view.rows, "backward_rows": backwards},
        )  # fmt: skip


def _future(time: Column, today: date) -> Iterator[Finding]:
    after = time.values >= _day(today) + 1
    rows = int(time.counts[after].sum())
    if rows:
        yield Finding(
            "time-in-future", "warn", (time.name,),
            f"{named([time.name])} lies in the future in {of_rows(rows, time.filled)}, up to "
            f"{_date(time.values[-1])}; mend those dates (a two-digit year in the wrong century is the "
            "usual cause).",
            {"rows": time.filled, "future_rows": rows},
        )  # fmt: skip


def _gaps(time: Column) -> Iterator[Finding]:
    steps = np.diff(time.values)
    before = np.cumsum(time.counts)[:-1] / time.filled
    wide = steps >= GAP_SHARE * (time.values[-1] - time.values[0])
    # Few distinct times are far apart by nature: a gap is also far wider than the usual step.
    wide &= (steps >= 10 * np.median(steps)) & (before >= EITHER_SIDE) & (before <= 1 - EITHER_SIDE)
    for place in np.flatnonzero(wide):
        yield Finding(
            "time-gap", "warn", (time.name,),
            f"{named([time.name])} has none of its {time.filled:,} rows between "
            f"{_date(time.values[place])} and {_date(time.values[place + 1])} ({steps[place]:,.0f} days); "
            "make sure that no part of the data is missing.",
            {"rows": time.filled, "days": float(steps[place])},
        )  # fmt: skip


def _day(day: date) -> float:
    return float(np.datetime64(day, "D").astype(np.int64))


def _date(days: float) -> npt.NDArray[np.datetime64] | np.datetime64:
    return np.datetime64(int(np.floor(days)), "D")
