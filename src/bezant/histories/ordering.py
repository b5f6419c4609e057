"""Bringing records into the order of their histories, with DuckDB (which spills to disk when it must)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.types import InputError, IntArray

_SORTED = """
SELECT p.place AS place, r.row AS row
FROM records r LEFT JOIN profile p ON r.entity = p.entity
ORDER BY p.place, r.time, r.row
"""


def group_and_sort(
    owners: pa.ChunkedArray, entities: pa.ChunkedArray, times: pa.ChunkedArray, entity: str, time: str
) -> tuple[pa.Array, IntArray]:
    """Return the rows of the records in the order of histories, then time, then as given; and offsets.

    Parameters
    ----------
    owners : text column of n rows
        The entity of each history.
    entities, times : columns of m rows
        Entity and time of each record.
    entity, time : str
        Names of these columns, for messages.

    Returns
    -------
    rows : int64 array of m rows
    offsets : int64 array of shape (n + 1,)
    """
    refuse_missing(owners, entity, "profiles")
    refuse_missing(entities, entity, "records")
    refuse_missing(times, time, "records")
    twice = len(owners) - len(pc.unique(owners))
    if twice:
        raise InputError(
            f"{twice} of {len(owners)} profiles repeat an entity of column {entity!r}; keep one row for each."
        )
    order = _sorted_rows(owners, entities, times)
    unknown = order["place"].null_count
    if unknown:
        first = entities.take(order["row"].filter(pc.is_null(order["place"])).slice(0, 1))[0].as_py()
        raise InputError(
            f"{unknown} of {len(entities)} records are of entities in column {entity!r} that have no "
            f"profile, such as {first!r}; add their profiles or leave the records out."
        )
    counts = np.bincount(order["place"].to_numpy(), minlength=len(owners))
    return order["row"].combine_chunks(), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _sorted_rows(owners: pa.ChunkedArray, entities: pa.ChunkedArray, times: pa.ChunkedArray) -> pa.Table:
    profile = pa.table({"entity": owners, "place": pa.array(np.arange(len(owners)), pa.int64())})
    rows = pa.array(np.arange(len(entities)), pa.int64())
    import duckdb

    with duckdb.connect() as connection:
        connection.register("profile", profile)
        connection.register("records", pa.table({"entity": entities, "time": times, "row": rows}))
        return connection.sql(_SORTED).to_arrow_table()


def refuse_missing(column: pa.ChunkedArray, name: str, what: str) -> None:
    """Refuse a column of ``what`` ("rows", say) in which something is missing."""
    refuse_missing_count(without_blanks(column).null_count, len(column), name, what)


def without_blanks(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without the texts that are empty, as the empty cells of a CSV file are."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    blank = pc.equal(pc.utf8_trim_whitespace(column), "")
    return pc.if_else(pc.fill_null(blank, False), pa.scalar(None, column.type), column)


def refuse_missing_count(missing: int, rows: int, name: str, what: str) -> None:
    """Refuse a column of ``what`` in which something is missing in so many of the rows."""
    if missing:
        raise InputError(
            f"Column {name!r} is missing in {missing} of {rows} {what}; fill it or leave the rows out."
        )
