"""Rows with their records: what happened to each before it was looked at, as a column of lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.histories.ordering import group_and_sort, refuse_missing
from bezant.histories.readers import read_table
from bezant.histories.readers.frames import is_pandas, like_input
from bezant.schema import RECORDS, Kind, Role, Schema, infer_schema, listed_again, unknown_column
from bezant.types import AnyArray, Frame, InputError, IntArray


def with_records(rows: Frame, records: Frame, *, entity: str, time: str, until: str | None = None) -> Frame:
    """Give each row the records of its entity, in the order of their times.

    Parameters
    ----------
    rows : frame with n rows
        Applications or customers. An entity may stand in several rows.
    records : frame with m rows
        Statements, payments, transactions, purchases: in any order; those of the same time keep their order,
        those of entities that no row has are left out. None at all gives every row an empty list.
    entity : str
        Column of both that says whose they are. Compared as text: 3, 3.0 and "3" are one.
    time : str
        Column of the records that orders them.
    until : str, optional
        Column of ``rows``: a row gets only the records strictly before this moment, such as the day of the
        application. Without it a row gets all.

    Returns
    -------
    frame
        ``rows`` with the column "records", a list of structures whose first field is the time; of the same
        kind. The records' entity is left out.

    Raises
    ------
    InputError
        If a name is no text or no column, an entity, a time or a moment is missing, or ``rows`` has records.
    """
    table, events = read_table(rows), read_table(records)
    _refuse_unknown_names(table, events, entity, time, until)
    if RECORDS in table.column_names:
        raise InputError(f"The {table.num_rows} rows have a column {RECORDS!r} already; rename it.")
    keys, own = _keys(table, entity), _keys(events, entity)
    refuse_missing(keys, entity, "rows")
    refuse_missing(own, entity, "records")
    if events.num_rows:
        schema = infer_schema(events, time=time, identifiers=[entity], kinds={entity: Kind.TEXT})
        known = pc.is_in(own, value_set=pc.unique(keys))
        events, own = events.filter(known), own.filter(known)
        times = _times(events, schema, time)
    else:
        times = pa.chunked_array([pa.array([], pa.timestamp("us"))])
    owners = pc.unique(keys)
    order, offsets = group_and_sort(owners, own, times, entity, time)
    moments = None if until is None else _moments(table, until)
    place = pc.index_in(
        keys, value_set=owners.combine_chunks() if hasattr(owners, "combine_chunks") else owners
    )
    starts, lengths = _stretches(np.asarray(place), offsets, times.take(order), moments)
    taken = order.take(pa.array(_gathered(starts, lengths)))
    rest = [n for n in events.column_names if n not in (entity, time)]
    flat = pa.table({time: times.take(taken), **{n: events[n].take(taken) for n in rest}})
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return _with_column(rows, table, listed_again(ends, flat))


def _refuse_unknown_names(
    table: pa.Table, events: pa.Table, entity: str, time: str, until: str | None
) -> None:
    for what, name in (("entity", entity), ("time", time), ("until", until)):
        if not isinstance(name, str) and not (what == "until" and name is None):
            raise InputError(f"{what} is the name of one column, not {name!r}; give it as a text.")
    rows, records = (table, "the rows"), (events, "the records")
    for column, (where, called) in ((entity, rows), (entity, records), (time, records), (until, rows)):
        if column is not None and column not in where.column_names:
            raise unknown_column(column, where.column_names, called)


def _keys(table: pa.Table, entity: str) -> pa.ChunkedArray:
    kinds = infer_schema(table.select([entity]), identifiers=[entity], kinds={entity: Kind.TEXT})
    return kinds.conform(table.select([entity]), roles=[Role.IDENTIFIER]).table[entity]


def _times(table: pa.Table, schema: Schema, name: str) -> pa.ChunkedArray:
    return schema.select(Role.TIME).conform(table.select([name])).table[name]


def _moments(table: pa.Table, until: str) -> AnyArray:
    schema = infer_schema(table.select([until]), time=until)
    column = _times(table, schema, until)
    if column.null_count:
        raise InputError(
            f"Column {until!r} says until when records count but is missing in {column.null_count} of "
            f"{table.num_rows} rows; fill it in or leave those rows out."
        )
    return np.asarray(column.to_numpy())


def _stretches(
    place: IntArray, offsets: IntArray, times: pa.ChunkedArray, moments: AnyArray | None
) -> tuple[IntArray, IntArray]:
    """Return where each row's records begin among the sorted ones, and how many they are."""
    starts, lengths = offsets[:-1][place], np.diff(offsets)[place]
    if moments is None:
        return starts, lengths
    # One search for all rows: owners first, then times within an owner.
    stamps = times.to_numpy().astype("datetime64[us]").astype(np.int64)
    wanted = moments.astype("datetime64[us]").astype(np.int64)
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    every = np.concatenate([stamps, wanted])
    # A moment comes before the records of the same time: those are not before it.
    order = np.lexsort((np.repeat([1, 0], [len(stamps), len(wanted)]), every, np.concatenate([owner, place])))
    earlier = np.cumsum(order < len(stamps))
    before = np.empty(len(every), np.int64)
    before[order] = earlier
    return starts, before[len(stamps) :] - starts


def _gathered(starts: IntArray, lengths: IntArray) -> IntArray:
    ends = np.cumsum(lengths)
    gathered: IntArray = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(
        starts - (ends - lengths), lengths
    )
    return gathered


def _with_column(rows: Frame, table: pa.Table, column: pa.ChunkedArray) -> Any:
    if is_pandas(rows):
        import pandas as pd

        whole = pd.Series(pd.array(column, dtype=pd.ArrowDtype(column.type)), index=rows.index)
        return rows.assign(**{RECORDS: whole})
    return like_input(rows, {**{n: table[n] for n in table.column_names}, RECORDS: column})
