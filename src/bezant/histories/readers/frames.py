"""Frames in memory: pandas, Polars, Arrow, NumPy, dictionaries of arrays and whatever narwhals reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.schema import refuse_duplicate_names
from bezant.schema.words import brief
from bezant.types import AnyArray, Frame, InputError


def from_frame(source: Frame) -> pa.Table:
    """Turn a frame in memory into an Arrow table; the frame is not changed.

    Parameters
    ----------
    source : frame
        A pandas, Polars or Arrow frame, anything else narwhals reads, a mapping of names to arrays, or
        a NumPy matrix (or a list of rows) of shape (n, k), whose columns are named ``x0`` to ``x{k-1}``.

    Returns
    -------
    pyarrow.Table
        The same rows in the same order; a pandas index is left aside.

    Raises
    ------
    InputError
        If names repeat, columns differ in length, or the source is not a frame.
    """
    if isinstance(source, pa.Table | pa.RecordBatch):
        table = source if isinstance(source, pa.Table) else pa.Table.from_batches([source])
        refuse_duplicate_names(table.column_names)
        return table
    if isinstance(source, pa.RecordBatchReader):
        return from_frame(source.read_all())
    if is_pandas(source):
        return _from_pandas(source)
    if isinstance(source, Mapping):
        return _from_arrays({str(name): values for name, values in source.items()})
    if isinstance(source, np.ndarray | list | tuple):
        return _from_rows(source)
    return _from_narwhals(source)


def is_pandas(source: Frame) -> bool:
    """Tell a pandas frame without importing pandas."""
    kind = type(source)
    return kind.__module__.split(".")[0] == "pandas" and kind.__name__ == "DataFrame"


def _from_pandas(frame: Any) -> pa.Table:
    names = [str(name) for name in frame.columns]
    refuse_duplicate_names(names)
    if not names:
        return pa.table({})
    return pa.table([_from_series(frame.iloc[:, i], names[i]) for i in range(len(names))], names=names)


def _from_series(series: Any, name: str) -> pa.Array | pa.ChunkedArray:
    """Convert one column; one that mixes numbers and texts becomes text, value by value."""
    try:
        return pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        missing = series.isna().to_numpy()
        values = series.to_numpy(dtype=object)
        _refuse_bad_lists(values, missing, name)
        texts = [None if gone else str(value) for value, gone in zip(values, missing, strict=True)]
        return pa.array(texts, pa.string())


def _refuse_bad_lists(values: AnyArray, missing: AnyArray, name: str) -> None:
    """Say which row stops a column of lists from being read; as text it would mean nothing."""
    lists = np.array([isinstance(value, list | tuple | np.ndarray) for value in values])
    others = np.flatnonzero(~lists & ~missing)
    if lists.sum() <= len(others):
        return
    if len(others):
        raise InputError(
            f"Column {name!r} holds lists in {lists.sum()} of {len(values)} rows, but row {others[0]} "
            f"(counted from 0) holds {brief(values[others[0]])}; give that row a list or leave it empty."
        )
    sound, bad = 0, len(values)  # so many rows can be read together, so many cannot
    while bad - sound > 1:
        middle = (sound + bad) // 2
        sound, bad = (middle, bad) if _fits(values[:middle]) else (sound, middle)
    raise InputError(
        f"Column {name!r}: the list in row {bad - 1} (counted from 0) does not go with those before it: "
        f"{brief(values[bad - 1])}; give all lists the same kind of values."
    )


def _fits(values: AnyArray) -> bool:
    try:
        pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return False
    return True


def _from_arrays(arrays: Mapping[str, Any]) -> pa.Table:
    columns = {name: _to_arrow(values, name) for name, values in arrays.items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        (first, rows), (other, others) = _two_that_differ(lengths)
        raise InputError(
            f"Column {first!r} has {rows} rows but column {other!r} has {others}; give all the same rows."
        )
    return pa.table(columns)


def _two_that_differ(lengths: Mapping[str, int]) -> tuple[tuple[str, int], tuple[str, int]]:
    pairs = list(lengths.items())
    return pairs[0], next(pair for pair in pairs if pair[1] != pairs[0][1])


def _to_arrow(values: Any, name: str) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if np.ndim(values) != 1:
        raise InputError(
            f"Column {name!r} has the shape {np.shape(values)}; give one value a row, so a shape of (rows,)."
        )
    if getattr(values, "dtype", None) == np.dtype("O") or isinstance(values, list | tuple):
        values = [None if isinstance(v, float) and np.isnan(v) else v for v in values]
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.array([None if v is None else str(v) for v in values], pa.string())


def _from_rows(rows: Any) -> pa.Table:
    try:
        matrix = np.asarray(rows)
    except ValueError as error:
        raise InputError(
            f"The {len(rows)} rows given do not all have the same number of values; give each every column."
        ) from error
    if matrix.ndim != 2 or matrix.dtype.names:
        raise InputError(
            f"An array of shape {matrix.shape} is not a table; give one of shape (rows, columns), such as "
            "values.reshape(-1, 1) for one column or values.reshape(1, -1) for one row."
        )
    if np.iscomplexobj(matrix):
        raise InputError(
            f"Complex data not supported: the {matrix.shape[0]} rows hold complex numbers; give real ones."
        )
    return _from_arrays({f"x{i}": _column_of(matrix, i) for i in range(matrix.shape[1])})


def _column_of(matrix: AnyArray, i: int) -> AnyArray:
    return np.ascontiguousarray(matrix[:, i])


def _from_narwhals(source: Frame) -> pa.Table:
    import narwhals as nw

    try:
        frame = nw.from_native(source)
    except TypeError as error:
        raise InputError(
            f"A {type(source).__name__} is not a table; give a path, a pandas, Polars or Arrow frame, a "
            "DuckDB relation or a matrix of shape (rows, columns)."
        ) from error
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    table = frame.to_arrow()
    refuse_duplicate_names(table.column_names)
    return table


def like_input(source: Frame, columns: Mapping[str, Any]) -> Frame:
    """Return columns as a frame of the same kind as the input they belong to.

    Parameters
    ----------
    source : frame
        What the user gave: its kind decides the kind of the result, and a pandas index is kept.
    columns : mapping of str to array
        Columns of the answer, one value for each row of ``source`` (or other rows, where the answer has
        rows of its own).

    Returns
    -------
    frame
        pandas for pandas, Polars for Polars, Arrow for Arrow and for files, queries and relations, a
        matrix of shape (n, k) for a NumPy matrix or a list of rows, a dict for a mapping.
    """
    if is_pandas(source):
        return _like_pandas(source, columns)
    if isinstance(source, Mapping):
        return dict(columns)
    if isinstance(source, np.ndarray) or (isinstance(source, list | tuple) and not _are_paths(source)):
        return np.column_stack([np.asarray(values) for values in columns.values()])
    table = pa.table(dict(columns))
    if type(source).__module__.split(".")[0] in ("pyarrow", "builtins", "pathlib", "duckdb", "_duckdb"):
        return table
    return _like_narwhals(source, table)


def _are_paths(source: Any) -> bool:
    return len(source) > 0 and all(isinstance(s, str) or hasattr(s, "__fspath__") for s in source)


def _like_pandas(source: Any, columns: Mapping[str, Any]) -> Frame:
    arrays = {
        name: values.to_pandas() if isinstance(values, pa.Array | pa.ChunkedArray) else np.asarray(values)
        for name, values in columns.items()
    }
    answer = type(source)(arrays)
    if len(answer) == len(source):
        answer.index = source.index
    return answer


def _like_narwhals(source: Frame, table: pa.Table) -> Frame:
    import narwhals as nw

    native = nw.from_native(source)
    answer = nw.from_arrow(table, backend=native.implementation)
    return (answer.lazy() if isinstance(native, nw.LazyFrame) else answer).to_native()
