"""From typed columns to the arrays a network reads: numbers (n, P) and codes (n, C).

What is learned here (vocabularies, the exact values that a number's categorical twin knows) comes
from the training rows alone, and travels in the saved model. Everything that needs arithmetic on
these arrays (scaling, quantiles, target statistics) is inside the network as tensors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from bezant.network.fields.aggregates import FIRST_KNOWN as FIRST_KNOWN
from bezant.network.fields.aggregates import MICROSECONDS_A_DAY as MICROSECONDS_A_DAY
from bezant.network.fields.aggregates import (
    Aggregate,
    aggregated,
    all_aggregates,
)
from bezant.schema import Field, Kind, Schema, flattened

MISSING, UNKNOWN = 0, 1
"""Codes of "not filled in" and "never seen, or too rare, in training"; known values come after."""

LARGEST = float(np.finfo(np.float32).max)
"""Larger numbers count as this one: it lies beyond every training range all the same."""


class NumberColumn(BaseModel):
    """One column of the number matrix: a field itself, or something computed from a time field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    part: str = "value"  # "value", "days", "month", "weekday"


class CodeColumn(BaseModel):
    """One column of the code matrix.

    ``texts`` lists the known values of a category; ``values`` the known exact values of the
    categorical twin of a number. One of the two is empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    texts: tuple[str, ...] = ()
    values: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """Number of codes, missing and unknown included."""
        return len(self.texts) + len(self.values) + FIRST_KNOWN


@dataclass(frozen=True)
class EncodedRecords:
    """The arrays of the m records of n rows.

    Attributes
    ----------
    numbers, codes : float32 array (m, P) and int32 array (m, C)
        As of :class:`Encoded`.
    times : int64 array, shape (m,)
        Microseconds since 1970, ascending within a row.
    offsets : int64 array, shape (n + 1,)
        Row i owns the records ``offsets[i]`` to ``offsets[i + 1]``, the last not included.
    moments : int64 array, shape (n,)
        When each row is looked at; that of its last record if nothing is known.
    """

    numbers: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int32]
    times: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    moments: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """The arrays of n rows.

    Attributes
    ----------
    numbers : float32 array, shape (n, P)
        Raw values; NaN where missing.
    codes : int32 array, shape (n, C)
        ``MISSING``, ``UNKNOWN`` or the place of the value in its column's vocabulary.
    records : EncodedRecords, optional
        The rows' records.
    """

    numbers: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int32]
    records: EncodedRecords | None = None

    def __post_init__(self) -> None:
        if self.numbers.ndim != 2 or self.codes.ndim != 2 or len(self.numbers) != len(self.codes):
            raise ValueError(f"numbers {self.numbers.shape} and codes {self.codes.shape} do not fit together")

    def __len__(self) -> int:
        return len(self.numbers)


class Encoding(BaseModel):
    """How a typed table becomes arrays; learned by :func:`learn_encoding`, saved as JSON.

    Parameters
    ----------
    numbers : tuple of NumberColumn
        The P columns of the number matrix.
    codes : tuple of CodeColumn
        The C columns of the code matrix.
    time : str, optional
        The ordering time, from which the ages of other times are counted.
    records : Encoding, optional
        Of rows that have records: how these become arrays.
    aggregates : tuple of Aggregate
        What is told of the records at a glance, A numbers after the P others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    numbers: tuple[NumberColumn, ...]
    codes: tuple[CodeColumn, ...]
    time: str | None = None
    records: Encoding | None = None
    aggregates: tuple[Aggregate, ...] = ()

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of codes of each code column."""
        return tuple(c.size for c in self.codes)

    @property
    def needs_time(self) -> bool:
        """Whether rows are encoded with their ordering time, if they have one."""
        return self.records is not None or any(c.part == "days" for c in self.numbers)

    def encode(self, table: pa.Table) -> Encoded:
        """Return the arrays of a typed table (see :meth:`bezant.schema.Schema.conform`)."""
        numbers, codes = self._arrays(table)
        if self.records is None:
            return Encoded(numbers, codes)
        records = self._records(table, self.records)
        if self.aggregates:
            told = aggregated(
                self.aggregates,
                records.numbers,
                records.codes,
                records.times,
                records.offsets,
                records.moments,
            )
            numbers = np.hstack([numbers, np.clip(told, -LARGEST, LARGEST).astype(np.float32)])
        return Encoded(numbers, codes, records)

    def _records(self, table: pa.Table, encoding: Encoding) -> EncodedRecords:
        assert encoding.time is not None
        offsets, flat = flattened(table)
        times = _microseconds(flat[encoding.time])
        last = np.append(times, 0)[np.maximum(offsets[1:] - 1, 0)]  # of rows without records nothing is asked
        moments = last if self.time is None else np.maximum(_microseconds(table[self.time]), last)
        numbers, codes = encoding._arrays(flat)
        return EncodedRecords(numbers, codes, times, np.asarray(offsets, np.int64), moments)

    def _arrays(self, table: pa.Table) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        n = table.num_rows
        numbers = np.empty((n, len(self.numbers)), np.float32)
        for j, column in enumerate(self.numbers):
            numbers[:, j] = np.clip(self._numbers_of(table, column), -LARGEST, LARGEST)
        codes = np.empty((n, len(self.codes)), np.int32)
        for j, code in enumerate(self.codes):
            codes[:, j] = _codes_of(table[code.field], code)
        return numbers, codes

    def _numbers_of(self, table: pa.Table, column: NumberColumn) -> npt.NDArray[np.float64]:
        if column.part == "value":
            return to_float(table[column.field])
        stamps = table[column.field]
        if column.part == "month":
            return to_float(pc.month(stamps))
        if column.part == "weekday":
            return to_float(pc.day_of_week(stamps))
        days = to_float(stamps.cast(pa.int64())) / MICROSECONDS_A_DAY
        if self.time is None:
            return days
        return to_float(table[self.time].cast(pa.int64())) / MICROSECONDS_A_DAY - days


def learn_encoding(
    table: pa.Table,
    schema: Schema,
    *,
    twins: tuple[str, ...] = (),
    min_count: int = 5,
    max_values: int = 50_000,
    records: Encoding | None = None,
    aggregates: bool = False,
) -> Encoding:
    """Learn the vocabularies of the training rows.

    Parameters
    ----------
    table : pyarrow.Table
        The training rows, typed.
    schema : Schema
        What the columns mean; only its inputs are encoded.
    twins : tuple of str
        Number fields that get a categorical twin.
    min_count : int, default 5
        Values that fewer training rows have share the code of the unknown, which is thereby trained.
    max_values : int, default 50,000
        At most this many values a column are kept, the most frequent first.
    records : Encoding, optional
        How the rows' records become arrays, where that is known already.
    aggregates : bool, default False
        Whether the rows are told counts, ages, means and shares of their records too.
    """
    numbers: list[NumberColumn] = []
    codes: list[CodeColumn] = []
    for field in schema.inputs:
        if field.kind is Kind.NUMBER:
            numbers.append(NumberColumn(field=field.name))
            if field.name in twins:
                known = _frequent(table[field.name], min_count, max_values)
                codes.append(CodeColumn(field=field.name, values=tuple(sorted(known))))
        elif field.kind is Kind.TIME:
            numbers.extend(NumberColumn(field=field.name, part=p) for p in ("days", "month", "weekday"))
        else:
            codes.append(_vocabulary(table[field.name], field, min_count, max_values))
    if schema.records is not None and records is None:
        records = learn_encoding(
            flattened(table)[1], schema.records, min_count=min_count, max_values=max_values
        )
    told: tuple[Aggregate, ...] = ()
    if aggregates and records is not None:
        told = all_aggregates(len(records.numbers), records.cardinalities)
    return Encoding(
        numbers=tuple(numbers), codes=tuple(codes), time=schema.time, records=records, aggregates=told
    )


def _vocabulary(column: pa.ChunkedArray, field: Field, min_count: int, max_values: int) -> CodeColumn:
    # A small table cannot spare the rare values of a plain category; two rows are enough there.
    count = min_count if field.kind is Kind.TEXT else min(min_count, 2)
    return CodeColumn(field=field.name, texts=tuple(_frequent(column, count, max_values)))


def _frequent(column: pa.ChunkedArray, min_count: int, max_values: int) -> list[object]:
    """Values of at least ``min_count`` rows, most frequent first, ties in the order of the values."""
    counted = pc.value_counts(pc.drop_null(column))
    table = pa.table({"value": counted.field("values"), "count": counted.field("counts")})
    table = table.filter(pc.greater_equal(table["count"], min_count))
    table = table.sort_by([("count", "descending"), ("value", "ascending")])
    return list(table["value"].slice(0, max_values).to_pylist())


def _codes_of(column: pa.ChunkedArray, code: CodeColumn) -> npt.NDArray[np.int32]:
    if code.values:
        return _codes_of_values(to_float(column), np.asarray(code.values))
    found = pc.index_in(column, value_set=pa.array(code.texts, pa.string()))
    codes = pc.fill_null(pc.add(found, FIRST_KNOWN), UNKNOWN)
    codes = pc.if_else(pc.is_null(column), MISSING, codes)
    return np.asarray(codes.to_numpy(), np.int32)


def _codes_of_values(
    values: npt.NDArray[np.float64], known: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    codes = np.where(known[place] == values, place + FIRST_KNOWN, UNKNOWN)
    return np.where(np.isnan(values), MISSING, codes).astype(np.int32)


def _microseconds(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.asarray(column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(), np.int64)


def to_float(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return an Arrow column as float64, NaN where it is null."""
    values = column.cast(pa.float64()).to_numpy()
    return np.asarray(values, np.float64)
