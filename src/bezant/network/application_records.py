"""An application with records as a table of one row, read value by value so that errors name the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.schema import RECORDS, Field, Role, Schema, listed_again
from bezant.schema.values import read_column
from bezant.schema.words import brief, listed
from bezant.types import InputError

_UNFIT = (OverflowError, pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError)


def row_with_records(values: Mapping[str, Any], schema: Schema) -> pa.Table:
    """Return an application with a list of records as a table of one row.

    Parameters
    ----------
    values : mapping
        The application: its columns, and under "records" a list of mappings or ``None``.
    schema : Schema
        What the model reads; the values of other names are left aside.

    Returns
    -------
    pyarrow.Table
        One row with the columns of ``values``.

    Raises
    ------
    InputError
        If a value is no single value that its column can hold, or the records are no list of mappings.
    """
    assert schema.records is not None
    fields = {f.name: f for f in schema.fields if f.role in (Role.INPUT, Role.TIME)}
    columns: dict[str, Any] = {}
    for name, value in values.items():
        if name == RECORDS:
            columns[RECORDS] = _records(value, schema.records)
        elif name in fields:
            columns[name] = _read(value, fields[name], schema.missing_markers, "")
        else:
            columns[str(name)] = pa.nulls(1)
    return pa.table(columns)


def _records(given: Any, schema: Schema) -> pa.Array | pa.ChunkedArray:
    if isinstance(given, pa.Scalar):
        given = given.as_py()
    if given is None:
        return pa.nulls(1)
    if not isinstance(given, list | tuple | np.ndarray):
        mend = "frame.to_dict('records')" if hasattr(given, "to_dict") else "[{...}, {...}]"
        raise InputError(
            f"{RECORDS!r} of the application is of the type {type(given).__name__}, not a list of records; "
            f"give one mapping a record, such as {mend}."
        )
    for place, record in enumerate(given, 1):
        if not isinstance(record, Mapping):
            raise InputError(
                f"Record {place} of {len(given)} in {RECORDS!r} is {brief(record)}, not a mapping of columns "
                "to values; mend it or leave it out."
            )
    if not len(given):
        return pa.nulls(1)
    columns = {}
    for field in schema.fields:
        if any(field.name in record for record in given):
            found = [record.get(field.name) for record in given]
            columns[field.name] = _column(found, field, schema.missing_markers)
    if not columns:
        raise InputError(
            f"None of the {len(given)} records of the application has a column that the model reads "
            f"({listed(schema.names)}); add them."
        )
    return listed_again(np.array([0, len(given)], np.int64), pa.table(columns))


def _column(values: Sequence[Any], field: Field, markers: tuple[str, ...]) -> pa.ChunkedArray:
    """Read a column of the records: all at once where they are of one type and sound, else one by one."""
    try:
        column = pa.chunked_array([pa.array(values, from_pandas=True)])
        return read_column(column, field, markers)[0]
    except (*_UNFIT, InputError):
        read = [_read(v, field, markers, f" in record {place}") for place, v in enumerate(values, 1)]
        return pa.chunked_array([chunk for column in read for chunk in column.chunks])


def _read(value: Any, field: Field, markers: tuple[str, ...], where: str) -> pa.ChunkedArray:
    """Read one value as a table's column of one row is read."""
    if isinstance(value, list | tuple | set | Mapping | np.ndarray):
        raise InputError(
            f"Column {field.name!r} holds {brief(value)}{where}, which is no single value; write a number, a "
            "text, true, false or null."
        )
    try:
        column = pa.chunked_array([pa.array([value], from_pandas=True)])
        return read_column(column, field, markers)[0]
    except _UNFIT:
        raise InputError(
            f"Column {field.name!r} holds {brief(value)}{where}, which no table can hold; mend it or "
            "leave it empty."
        ) from None
    except InputError:
        if not where:
            raise
        raise InputError(
            f"Column {field.name!r} should hold a {field.kind.value} but holds {brief(value)}{where}; "
            "mend it or leave it empty."
        ) from None
