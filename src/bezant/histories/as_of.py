"""Joining covariates as they were known: by publication time, never by the period they describe."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.schema import refuse_duplicate_names, unknown_column
from bezant.types import InputError

# Of what was published by then, the newest period counts, in its latest revision: a revision of an older
# period that came out after the newest one must not take its place.
_NEWEST = """
CREATE TEMP TABLE newest AS
SELECT * FROM (
    SELECT *, max(observed) OVER (PARTITION BY {keys} ORDER BY published, observed, row) AS latest
    FROM covariates
) WHERE observed = latest
QUALIFY row_number() OVER (PARTITION BY {keys}, published ORDER BY observed DESC, row DESC) = 1
"""
_JOIN = """
SELECT r.row AS row
FROM asked l ASOF LEFT JOIN newest r ON {equal} AND l.time {after} r.published
ORDER BY l.row
"""


def join_as_of(
    left: pa.Table,
    right: pa.Table,
    *,
    time: str,
    by: str | Sequence[str] = (),
    published: str | None = None,
    lag: timedelta | None = None,
    observed: str | None = None,
    inclusive: bool = True,
) -> pa.Table:
    """Give each row the covariates that were known at its time.

    An economic figure of January comes out in February and is revised in March. Joined by the month it
    describes, it would tell the model what nobody knew; so the moment of publication must be given, as a
    column or as a lag, and is never guessed.

    Parameters
    ----------
    left : pyarrow.Table
        Rows to be joined; their order is kept.
    right : pyarrow.Table
        Covariates, in any order, with all their revisions.
    time : str
        Time column of ``left``: what was known then is joined.
    by : str or sequence of str, default none
        Columns, in both tables, that must be equal.
    published : str, optional
        Column of ``right`` with the moment each row became known.
    lag : timedelta, optional
        Time from the period a row describes until it became known, where no such column exists.
    observed : str, optional
        Column of ``right`` with the period a row describes, default ``time`` where ``right`` has it, else
        ``published``.
    inclusive : bool, default True
        Whether a row published at the very moment counts as known. Turn it off where times are whole
        days and the publication may come after the decision of the same day.

    Returns
    -------
    pyarrow.Table
        ``left`` with the columns of ``right`` other than ``by`` and ``time``; null where nothing was known.

    Raises
    ------
    InputError
        If neither or both of ``published`` and ``lag`` are given, a column is missing, is not a time or
        has rows without one, or a name stands in both tables.
    """
    keys = [by] if isinstance(by, str) else list(by)
    known = _known_times(
        right, published, lag, observed or (time if time in right.column_names else published)
    )
    added = [name for name in right.column_names if name not in (*keys, time)]
    both = [name for name in added if name in left.column_names]
    if both:
        raise InputError(f"Column {both[0]!r} stands in both tables; rename it in one of them.")
    rows = _numbered({"time": _instants(left, time)}, left, keys)
    matched = _matched(rows, _numbered(known, right, keys), len(keys), inclusive)
    refuse_duplicate_names([*left.column_names, *added])
    for name in added:
        left = left.append_column(name, right[name].take(matched))
    return left


def _known_times(
    right: pa.Table, published: str | None, lag: timedelta | None, observed: str | None
) -> dict[str, pa.ChunkedArray]:
    if (published is None) is (lag is None):
        raise InputError(
            f"When the {right.num_rows} rows to join became known is {'not' if lag is None else 'twice'} "
            "stated; give either published='column' or lag=timedelta(days=...)."
        )
    if observed is None:
        raise InputError("A lag counts from the period a row describes; name it as observed='column'.")
    period = _instants(right, observed)
    if published is not None:
        known = _instants(right, published)
    else:
        if lag is not None and lag < timedelta(0):
            raise InputError(f"A lag of {lag} would make the rows known before their time; give 0 or more.")
        known = pc.add(period, pa.scalar(lag, pa.duration("us")))
    for name, column in ((published or observed, known), (observed, period)):
        if column.null_count:
            raise InputError(
                f"Column {name!r} is missing in {column.null_count} of {right.num_rows} rows, so when they "
                "became known is open; fill it or leave the rows out."
            )
    return {"published": known, "observed": period}


def _instants(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Return a time column as timestamp[us], in UTC where it has a zone."""
    if name not in table.column_names:
        raise unknown_column(name, table.column_names)
    column = table[name]
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        raise InputError(
            f"Column {name!r} of {table.num_rows} rows holds {column.type} instead of times; read it with "
            "a schema first."
        )
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp("us", "UTC"), safe=False)
    return column.cast(pa.timestamp("us"), safe=False)


def _numbered(times: dict[str, pa.ChunkedArray], table: pa.Table, keys: list[str]) -> pa.Table:
    for name in keys:
        if name not in table.column_names:
            raise unknown_column(name, table.column_names)
    columns = {f"key{i}": table[name] for i, name in enumerate(keys)}
    return pa.table(
        {"row": pa.array(np.arange(table.num_rows), pa.int64()), "key": _one_key(table.num_rows)}
        | columns
        | times
    )


def _one_key(rows: int) -> pa.Array:
    """A key that all rows share, so that a join without keys is no case of its own."""
    return pa.array(np.zeros(rows, np.int8))


def _matched(rows: pa.Table, covariates: pa.Table, keys: int, inclusive: bool) -> pa.ChunkedArray:
    """Return, for each row of the left table in its order, the row of the right one, or null."""
    names = ["key", *(f"key{i}" for i in range(keys))]
    equal = " AND ".join(f"l.{name} = r.{name}" for name in names)
    import duckdb

    with duckdb.connect() as connection:
        connection.register("asked", rows)
        connection.register("covariates", covariates)
        connection.execute(_NEWEST.format(keys=", ".join(names)))
        query = _JOIN.format(equal=equal, after=">=" if inclusive else ">")
        return connection.sql(query).to_arrow_table()["row"]
