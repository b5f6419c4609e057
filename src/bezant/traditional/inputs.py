"""The columns a traditional model reads: numbers with NaN, texts with null, times as ages and seasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bezant.schema import Field, Kind, Schema
from bezant.types import AnyArray, InputError

MINIMUM_ROWS = 20
"""Fewer training rows than this teach no model anything that could be judged."""

_DAY = 86_400_000_000.0  # microseconds


@dataclass(frozen=True)
class Inputs:
    """What a table says to a traditional model.

    Parameters
    ----------
    numbers : dict of str to ndarray of shape (n,)
        float64; missing is NaN. A TIME column ``c`` gives ``c (age in days)``, its distance to the
        ordering time of the row where there is one, else ``c (days)`` since 1970-01-01, and
        ``c (month)``, 1 to 12.
    categories : dict of str to pyarrow.StringArray
        CATEGORY and TEXT columns; missing is null.

    Raises
    ------
    ValueError
        If the columns differ in length.
    """

    numbers: dict[str, npt.NDArray[np.float64]]
    categories: dict[str, pa.Array]

    def __post_init__(self) -> None:
        lengths = {len(c) for c in (*self.numbers.values(), *self.categories.values())}
        if len(lengths) > 1:
            raise ValueError(f"The columns have different lengths: {sorted(lengths)}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, numbers first."""
        return (*self.numbers, *self.categories)


def read_inputs(table: pa.Table, schema: Schema) -> Inputs:
    """Read the input columns of a typed table; every other column is left aside.

    Parameters
    ----------
    table : pyarrow.Table of n rows
        Typed by :meth:`bezant.schema.Schema.conform`.
    schema : Schema
        Which columns are inputs, and which one orders the rows.

    Raises
    ------
    InputError
        If an input column is not in the table.
    """
    numbers: dict[str, npt.NDArray[np.float64]] = {}
    categories: dict[str, pa.Array] = {}
    for field in schema.inputs:
        if field.name not in table.column_names:
            raise InputError(
                f"Column {field.name!r} is an input of the model but not among the {table.num_columns} "
                f"columns of the {table.num_rows} rows given; add it, empty if it is not known."
            )
        column = table.column(field.name).combine_chunks()
        if field.kind is Kind.NUMBER:
            numbers[field.name] = _with_nan(column)
        elif field.kind is Kind.TIME:
            numbers |= _read_time(field, column, table, schema)
        else:
            categories[field.name] = column.cast(pa.string())
    return Inputs(numbers, categories)


def _read_time(
    field: Field, column: pa.Array, table: pa.Table, schema: Schema
) -> dict[str, npt.NDArray[np.float64]]:
    days = _with_nan(column.cast(pa.timestamp("us")).cast(pa.int64())) / _DAY
    month = _with_nan(pc.month(column))
    now = schema.time
    if now is None or now == field.name or now not in table.column_names:
        return {f"{field.name} (days)": days, f"{field.name} (month)": month}
    ordering = table.column(now).combine_chunks().cast(pa.timestamp("us")).cast(pa.int64())
    return {
        f"{field.name} (age in days)": _with_nan(ordering) / _DAY - days,
        f"{field.name} (month)": month,
    }


def _with_nan(column: pa.Array) -> npt.NDArray[np.float64]:
    filled = pc.fill_null(column.cast(pa.float64(), safe=False), float("nan"))
    return np.array(filled.to_numpy(zero_copy_only=False), dtype=np.float64)


def checked_target(y: AnyArray, rows: int, model: str) -> npt.NDArray[np.float64]:
    """Return the labels as float64 of shape (rows,).

    Raises
    ------
    InputError
        If there are fewer than :data:`MINIMUM_ROWS` rows, another number of labels than of rows, labels
        other than 0 and 1, or only one of the two.
    """
    labels = np.asarray(y, dtype=np.float64)
    if labels.shape != (rows,):
        raise InputError(
            f"The target has the shape {labels.shape}, but the table has {rows} rows; give one label a row."
        )
    if rows < MINIMUM_ROWS:
        raise InputError(
            f"{model} was given {rows} training rows but needs at least {MINIMUM_ROWS}; add rows."
        )
    other = labels[~np.isin(labels, (0.0, 1.0))]
    if len(other):
        raise InputError(
            f"The target holds values other than 0 and 1 in {len(other)} of {rows} rows, such as "
            f"{float(other[0])}; write 1 for default and 0 for none."
        )
    if labels.min() == labels.max():
        raise InputError(
            f"The target is {labels[0]:.0f} in all {rows} training rows; a model needs rows of both classes, "
            "so add rows or choose another target."
        )
    return labels
