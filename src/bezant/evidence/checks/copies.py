"""Columns and rows that stand in the table more than once, in the same or another form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bezant.evidence.checks.finding import Finding, named, of_rows
from bezant.evidence.checks.view import Column, View, mixed

FEWEST_ROWS = 20
"""With fewer rows than this, columns agree by chance."""


def duplicate_column_findings(view: View) -> Iterator[Finding]:
    """Find columns with the same content, and one-to-one recodings of each other."""
    if view.rows < FEWEST_ROWS:
        return
    groups: dict[bytes, list[Column]] = {}
    for column in view.inputs:
        groups.setdefault(_partition(column), []).append(column)
    for group in groups.values():
        if len(group) > 1:
            names = [c.name for c in group]
            same = all(_same_values(group[0], c) for c in group[1:])
            how = "hold the same values" if same else "are one-to-one recodings of each other"
            yield Finding(
                "duplicate-columns", "warn", tuple(names),
                f"{named(names)} {how} in all {view.rows:,} rows; keep one of them.",
                {"rows": view.rows, "distinct": len(group[0].values)},
            )  # fmt: skip


def _partition(column: Column) -> bytes:
    """Digest of which rows have equal values; where nearly all differ, of their order instead."""
    if len(column.values) > 0.5 * len(column.codes):
        # Any two columns of unique values are one-to-one; only the same order or text is remarkable.
        key = np.array(column.values if not column.is_ordered else [], dtype=str).tobytes()
        return hashlib.blake2b(column.codes.tobytes() + key).digest()
    first = np.full(len(column.values) + 1, len(column.codes))
    first[column.codes[::-1]] = np.arange(len(column.codes))[::-1]  # of equal codes the last write stays
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return hashlib.blake2b(rank[column.codes].tobytes()).digest()


def _same_values(one: Column, other: Column) -> bool:
    return bool(
        one.is_ordered == other.is_ordered
        and np.array_equal(one.codes < 0, other.codes < 0)
        and np.array_equal(one.values[one.codes[one.codes >= 0]], other.values[other.codes[other.codes >= 0]])
    )


def follows_time_findings(view: View) -> Iterator[Finding]:
    """Find columns that step with the ordering time: it in another form, such as its year."""
    if view.time is None:
        return
    for column in view.inputs:
        agreeing = _rows_that_follow(column, view.time)
        if agreeing is not None:
            yield Finding(
                "follows-time", "warn", (column.name, view.time.name),
                f"{named([column.name])} follows from {view.time.name!r} in "
                f"{of_rows(agreeing, view.rows)}: it is the ordering time in another form, of which later "
                "rows only hold values not seen before; leave it out.",
                {"rows": view.rows, "agreeing_rows": agreeing, "distinct": len(column.values)},
            )  # fmt: skip


def _rows_that_follow(column: Column, time: Column) -> int | None:
    """Rows whose value is the usual one of their time, if the column steps with it; else None."""
    distinct, moments = len(column.values), len(time.values)
    rows = np.flatnonzero((column.codes >= 0) & (time.codes >= 0))
    if distinct < 3 or moments < 4 * distinct or len(rows) < max(FEWEST_ROWS, 0.95 * len(column.codes)):
        return None
    pairs, counts = np.unique(time.codes[rows] * distinct + column.codes[rows], return_counts=True)
    order = np.lexsort((counts, pairs // distinct))
    last = np.append(np.diff(pairs[order] // distinct) > 0, True)  # the most frequent pair of each moment
    usual, agreeing = pairs[order][last] % distinct, int(counts[order][last].sum())
    steps, taken = int(np.count_nonzero(np.diff(usual))), len(np.unique(usual))
    follows = agreeing >= 0.995 * len(rows) and steps <= 2 * distinct and taken >= max(3, 0.5 * distinct)
    return agreeing if follows else None


def duplicate_row_findings(view: View) -> Iterator[Finding]:
    """Find rows that repeat another one, and those that do so with another outcome."""
    if len(view.inputs) + (view.records is not None) < 2:
        return
    digests = _row_digests(view)
    _, place, counts = np.unique(digests, return_inverse=True, return_counts=True)
    repeats = view.rows - len(counts)
    if not repeats:
        return
    known = view.labelled
    events = np.bincount(place[known], weights=view.y[known], minlength=len(counts))
    labels = np.bincount(place[known], minlength=len(counts))
    conflicting = int(labels[(events > 0) & (events < labels)].sum())
    clash = f", and {conflicting:,} such rows disagree about the outcome" if conflicting else ""
    records = "" if view.records is None else " and all records"
    yield Finding(
        "duplicate-rows", "warn" if repeats >= 0.005 * view.rows else "note", (),
        f"{repeats:,} of {view.rows:,} rows {'repeat' if repeats > 1 else 'repeats'} an earlier row in all "
        f"{len(view.inputs)} input columns{records}{clash}; drop the repeats, or keep them on one side of "
        "every split.",
        {"rows": view.rows, "repeats": repeats, "conflicting_rows": conflicting},
    )  # fmt: skip


def _row_digests(view: View) -> npt.NDArray[np.uint64]:
    """(n,) 64-bit digest of each row: the sum over columns of mixed codes, and its records'."""
    digests = np.zeros(view.rows, np.uint64)
    time = () if view.time is None else (view.time,)
    for place, column in enumerate((*view.inputs, *time)):
        digests += mixed(column.codes, place)
    return digests if view.records is None else digests ^ view.records
