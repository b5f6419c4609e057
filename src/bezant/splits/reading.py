"""Reads times, entities and outcomes from any kind of column; a missing value is an error, with its count."""

from __future__ import annotations

import datetime
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.types import AnyArray, InputError, IntArray


def _arrow(values: Any) -> pa.Array:
    """Return any array, list or series as one Arrow array; NaN and NaT become null."""
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return _arrow(series.to_arrow())
    return pa.array(values, from_pandas=True)


def filled(values: Any, name: str) -> pa.Array:
    """Return the values as one Arrow array of at least one row, none of them missing."""
    array = _arrow(values)
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    if not len(array):
        raise InputError(f"Column {name!r} has 0 rows, so there is nothing to split.")
    if array.null_count:
        raise InputError(
            f"Column {name!r} is missing in {array.null_count} of {len(array)} rows; fill them "
            "or leave them out."
        )
    return array


def read_times(values: Any, name: str) -> AnyArray:
    """Return times as datetime64[us], or numbers as they are."""
    array = filled(values, name)
    kind = array.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            array = array.cast(pa.timestamp("us", "UTC"), safe=False)
        return np.asarray(array.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(array.to_numpy(zero_copy_only=False))
    raise InputError(
        f"Column {name!r} holds {kind}, such as {array[0].as_py()!r}, where times are needed; turn it into "
        f'times first (in pandas: df["{name}"] = pd.to_datetime(df["{name}"])).'
    )


def read_moment(moment: Any, values: AnyArray, name: str) -> Any:
    """Return one point in time in the kind of the values."""
    try:
        if values.dtype.kind != "M":
            return float(moment)
        if isinstance(moment, int | float):
            raise ValueError
        if getattr(moment, "tzinfo", None) is not None:
            moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
        read = np.datetime64(moment, "us")
        if np.isnat(read):
            raise ValueError
        return read
    except (TypeError, ValueError):
        what = (
            "a time; write it as '2004-01-31'" if values.dtype.kind == "M" else "a number, as the column is"
        )
        raise InputError(f"The point in time {moment!r} for column {name!r} is not {what}.") from None


def ranked(values: Any, name: str) -> tuple[IntArray, list[Any]]:
    """Return the rank of each row's value among the distinct values, and those values in order."""
    encoded = filled(values, name).dictionary_encode()
    if pa.types.is_dictionary(encoded.dictionary.type):
        encoded = encoded.dictionary_decode().dictionary_decode().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[encoded.indices.to_numpy()], encoded.dictionary.take(order).to_pylist()
