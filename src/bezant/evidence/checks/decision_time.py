"""Columns that come after the decision: times later than the ordering time, and sisters of such columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from bezant.evidence.checks.finding import Finding, named, of_rows
from bezant.evidence.checks.view import Column, View
from bezant.schema import Kind
from bezant.types import BoolArray

LATER_SHARE = 0.01
"""Share of the rows with both times in which a time must be later before it is said."""

AGREEMENT = 0.95
"""Correlation (phi) from which two columns count as empty in the same rows."""

_TIME_WORDS = frozenset(
    ("date", "dates", "time", "timestamp", "datetime", "day", "month", "year", "quarter",
     "at", "on", "d", "dt", "ts", "fy", "y", "m")
)  # fmt: skip

_SHORTEST_STEM = 4


def later_time_findings(view: View) -> Iterator[Finding]:
    """Find time columns whose values lie after the ordering time."""
    if view.time is None:
        return
    for column in view.inputs:
        if column.kind is Kind.TIME:
            finding = _later(column, view.time)
            if finding is not None:
                yield finding


def _later(column: Column, time: Column) -> Finding | None:
    lag = column.numbers() - time.numbers()
    both = int(np.count_nonzero(~np.isnan(lag)))
    later = lag[lag > 0]
    if not both or len(later) < LATER_SHARE * both:
        return None
    days = float(np.median(later))
    contractual = _whole_months(column, time, lag > 0) >= 0.8
    evidence = {"rows": both, "later_rows": len(later), "median_days_later": days}
    start = (
        f"{named([column.name])} lies after {time.name!r} in {of_rows(len(later), both)} that have both "
        f"(median {days:,.0f} days later)"
    )
    if contractual:  # a maturity or a review date stands in the contract
        return Finding(
            "after-decision", "warn", (column.name,),
            f"{start}, mostly by whole months, as an agreed date does; leave it out unless it is fixed at "
            "the decision.",
            evidence,
        )  # fmt: skip
    return Finding(
        "after-decision", "refuse" if len(later) >= 0.2 * both else "warn", (column.name,),
        f"{start}, when the decision has been made; leave it out.",
        evidence,
    )  # fmt: skip


def _whole_months(column: Column, time: Column, rows: BoolArray) -> float:
    """Share of the rows in which both times have the same day of the month, at least a month apart."""
    one, other = (c.numbers()[rows].astype("datetime64[D]") for c in (column, time))
    day = [(d - d.astype("datetime64[M]")).astype(int) for d in (one, other)]
    apart = (one - other).astype(int) >= 28
    return float(np.mean((day[0] == day[1]) & apart))


def sister_findings(view: View, late: Sequence[Column]) -> Iterator[Finding]:
    """Find columns that belong to one from after the decision: by their name, or empty where it is.

    Parameters
    ----------
    view : View
        Its inputs are judged.
    late : sequence of Column
        Columns that were found to be written after the decision or the outcome.
    """
    for column in view.inputs:
        for other in late:
            finding = _sister(column, other, view)
            if finding is not None:
                yield finding
                break


def _sister(column: Column, other: Column, view: View) -> Finding | None:
    stem = _stem(other)
    agreement = _same_rows_empty(column, other)
    filled = int(np.count_nonzero(~column.empty))
    if len("".join(stem)) >= _SHORTEST_STEM and _words(column.name)[: len(stem)] == stem:
        if view.time is not None and _words(view.time.name)[: len(stem)] == stem:
            return None  # the stem also names the decision itself
        why = "shares its name with"
    elif agreement >= AGREEMENT:
        why = "is empty or zero in the same rows as"
    else:
        return None
    return Finding(
        "sister-of-later", "warn", (column.name, other.name),
        f"{named([column.name])} ({of_rows(filled, view.rows)} filled) {why} {other.name!r}, which comes "
        "after the decision, and is likely known only then; leave it out unless you know that it stands at "
        "the decision.",
        {"rows": view.rows, "filled_rows": filled, "agreement": agreement},
    )  # fmt: skip


def _words(name: str) -> list[str]:
    """Split a column name at underscores, white space, digits and changes of case, in lower case."""
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def _stem(column: Column) -> list[str]:
    """Return the words of a time's name without those that say so, of another name without the last."""
    words = _words(column.name)
    if column.kind is not Kind.TIME:
        return words[:-1]
    while words and words[-1] in _TIME_WORDS:
        words = words[:-1]
    return words


def _same_rows_empty(column: Column, other: Column) -> float:
    """Phi coefficient of the two columns' emptiness; 0 where one is (nearly) always filled or empty."""
    pair = np.array([column.empty, other.empty], np.float64)
    if np.any(np.abs(pair.mean(axis=1) - 0.5) > 0.49):
        return 0.0
    return float(np.asarray(np.corrcoef(pair))[0, 1])
