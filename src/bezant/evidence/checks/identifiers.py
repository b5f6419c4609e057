"""Columns that name a row, and columns that say nothing: what a model would only memorise or ignore."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bezant.evidence.checks.finding import Finding, named, of_rows
from bezant.evidence.checks.view import Column, View
from bezant.schema import Kind

DISTINCT_SHARE = 0.8
"""A text with at least this many distinct values a filled row names the row."""

FEWEST_ROWS = 50
"""With fewer rows than this, distinct values say nothing."""

NEARLY_CONSTANT = 0.999


def identifier_findings(view: View) -> Iterator[Finding]:
    """Find unique or nearly unique texts and whole numbers."""
    for column in view.inputs:
        kind = _identifies(column)
        if kind is None:
            continue
        distinct = len(column.values)
        yield Finding(
            "identifier", "warn", (column.name,),
            f"{named([column.name])} {kind} ({distinct:,} distinct values in {column.filled:,} rows), so "
            "that a model would only learn it by heart; leave it out or give it the role of an identifier.",
            {"distinct": distinct, "rows": column.filled, "share": distinct / column.filled},
        )  # fmt: skip


def _identifies(column: Column) -> str | None:
    distinct, filled = len(column.values), column.filled
    if filled < FEWEST_ROWS:
        return None
    if not column.is_ordered:
        return "names almost every row" if distinct >= DISTINCT_SHARE * filled else None
    if column.kind is not Kind.NUMBER or distinct < 0.999 * filled or np.any(column.values % 1):
        return None
    if column.values[-1] - column.values[0] + 1 <= 1.5 * distinct:
        return "counts the rows in sequence"
    # Amounts may be unique too, but they spread over orders of magnitude; numbers given out do not.
    digits = np.floor(np.log10(np.maximum(np.abs(column.values), 1)))
    long = np.bincount(digits.astype(np.int64)).argmax() >= 5
    same_length = np.mean(digits == np.median(digits)) >= 0.9
    sequence = bool(np.all(np.diff(column.codes[column.codes >= 0]) > 0))
    return "numbers the rows" if (long and same_length) or sequence else None


def constant_findings(view: View) -> Iterator[Finding]:
    """Find columns that are missing in every row, hold one value, or all but hold one."""
    for column in view.inputs:
        missing = view.rows - column.filled
        most = max(int(column.counts.max(initial=0)), missing)
        found = {"rows": view.rows, "missing": missing, "most_frequent": most}
        if missing == view.rows:
            yield Finding(
                "all-missing", "warn", (column.name,),
                f"{named([column.name])} is missing in {of_rows(missing, view.rows)}; leave it out or mend "
                "its export.",
                found,
            )  # fmt: skip
        elif most == view.rows:
            yield Finding(
                "constant", "warn", (column.name,),
                f"{named([column.name])} holds the same value in all {view.rows:,} rows; leave it out.",
                found,
            )  # fmt: skip
        elif most >= NEARLY_CONSTANT * view.rows and view.rows - most < 100:
            yield _nearly_constant(column, view, most)


def _nearly_constant(column: Column, view: View, most: int) -> Finding:
    usual = -1 if view.rows - column.filled == most else int(column.counts.argmax())
    other = (column.codes != usual) & view.labelled
    events, others = int(view.y[other].sum()), int(other.sum())
    said = {0: ", none of them an event", others: ", all of them events"}.get(events, "")
    said = said if others >= 5 else ""
    return Finding(
        "nearly-constant", "warn", (column.name,),
        f"{named([column.name])} holds one value in all but {view.rows - most:,} of {view.rows:,} "
        f"rows{said}; leave it out, for so few rows teach nothing and may have been filled in after the "
        "outcome.",
        {"rows": view.rows, "other_rows": view.rows - most, "labelled_other_rows": others, "events": events},
    )  # fmt: skip
