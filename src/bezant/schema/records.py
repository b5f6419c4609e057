"""The column in which a row holds its records: a list of structures, in the order of their times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.types import InputError, IntArray

RECORDS = "records"
"""Name of the column that holds a row's records."""


def has_records(table: pa.Table) -> bool:
    """Tell whether a table has a column of records."""
    return RECORDS in table.column_names and _is_list(table.schema.field(RECORDS).type)


def flattened(table: pa.Table, names: Sequence[str] = ()) -> tuple[IntArray, pa.Table]:
    """Return where each row's records begin, int64 (n + 1,), and all records as a table.

    Parameters
    ----------
    table : pyarrow.Table
        With n rows and their column of records; null is none.
    names : sequence of str
        Columns that the records shall have where none of the rows has any.

    Raises
    ------
    InputError
        If there is no such column, or it holds something else.
    """
    if RECORDS not in table.column_names:
        raise InputError(
            f"The model reads records, but the table of {table.num_rows} rows has no column {RECORDS!r}; add "
            "it with bezant.with_records, which leaves it empty where there are none."
        )
    column = table[RECORDS].combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # longer than one array may be
        column = pa.concat_arrays(column.chunks)
    if pa.types.is_null(column.type):
        column = column.cast(pa.list_(pa.null()))
    if not _is_list(column.type):
        raise InputError(
            f"Column {RECORDS!r} of the {table.num_rows} rows holds values of the type {column.type}, not "
            "lists of records; make it with bezant.with_records."
        )
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    values = column.flatten()
    if pa.types.is_struct(values.type):
        if values.null_count:
            raise InputError(
                f"{values.null_count} of {len(values)} records in column {RECORDS!r} are missing; leave them "
                "out of their lists."
            )
        return offsets, pa.Table.from_struct_array(values)
    if len(values):
        raise InputError(
            f"The lists in column {RECORDS!r} hold values of the type {values.type}, not records with named "
            "columns; make it with bezant.with_records."
        )
    return offsets, pa.table({name: pa.nulls(0) for name in names})


def listed_again(offsets: IntArray, flat: pa.Table) -> pa.ChunkedArray:
    """Return a column of records from what :func:`flattened` gave."""
    columns = [flat[name].combine_chunks() for name in flat.column_names]
    columns = [c if isinstance(c, pa.Array) else pa.concat_arrays(c.chunks) for c in columns]
    values = pa.StructArray.from_arrays(columns, names=flat.column_names)
    return pa.chunked_array([pa.LargeListArray.from_arrays(pa.array(offsets), values)])


def refuse_disorder(times: pa.ChunkedArray, offsets: IntArray, name: str) -> None:
    """Refuse records without a time, or earlier than the one before in their row."""
    if times.null_count:
        raise InputError(
            f"Column {name!r} of the records is missing in {times.null_count} of {len(times)} records; fill "
            "it in or leave those records out."
        )
    falls = np.diff(times.to_numpy()) < np.timedelta64(0, "us")
    starts = offsets[(offsets > 0) & (offsets < len(times))]
    falls[starts - 1] = False  # from one row's records to the next's, time may go back
    if falls.any():
        raise InputError(
            f"{falls.sum()} of {len(times)} records are earlier, by {name!r}, than the one before in their "
            "row; sort them, or use bezant.with_records."
        )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
