"""The table as the checks see it: every column as integer codes over its distinct values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bezant.metrics.target_statistics import stratified_folds
from bezant.schema import Kind, Role, Schema, flattened, has_records
from bezant.types import AnyArray, BoolArray, InputError, IntArray

MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True)
class Column:
    """One typed column as codes.

    Attributes
    ----------
    name, kind, role
        As in the schema.
    codes : (n,) int64 array
        Place of each row's value in `values`; -1 is missing.
    values : (v,) array
        Distinct values: float64 and ascending for numbers and times (days since 1970), else texts.
    """

    name: str
    kind: Kind
    role: Role
    codes: npt.NDArray[np.int64]
    values: AnyArray

    def __post_init__(self) -> None:
        if self.codes.min(initial=-1) < -1 or self.codes.max(initial=-1) >= len(self.values):
            raise ValueError(f"codes of {self.name!r} do not fit its {len(self.values)} values")

    @property
    def is_ordered(self) -> bool:
        """Whether the values are numbers or times."""
        return self.kind in (Kind.NUMBER, Kind.TIME)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """(v,) rows of each value."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.values)).astype(np.int64)

    @property
    def filled(self) -> int:
        """Number of rows that are not missing."""
        return int(self.counts.sum())

    @cached_property
    def empty(self) -> BoolArray:
        """(n,) whether a row is missing, or zero in a number whose most frequent value is zero."""
        missing: BoolArray = self.codes < 0
        if self.kind is not Kind.NUMBER or not len(self.values):
            return missing
        most = int(self.counts.argmax())
        return missing | (self.codes == most) if self.values[most] == 0 else missing

    def numbers(self) -> npt.NDArray[np.float64]:
        """(n,) values of a number or time, NaN where missing."""
        return np.append(self.values.astype(np.float64), np.nan)[self.codes]


@dataclass(frozen=True)
class View:
    """Everything the checks read.

    Attributes
    ----------
    columns : tuple of Column
        All columns but the target and the ordering time.
    time : Column or None
        The ordering time.
    y : (n,) float64 array
        The target, NaN where it is missing.
    sample : (m,) int64 array
        Labelled rows, ascending, that the costly statistics are computed on.
    folds : (m,) int64 array
        Their fold.
    records : (n,) uint64 array, optional
        Digest of each row's records, equal where these are; None where rows have none.
    """

    columns: tuple[Column, ...]
    time: Column | None
    y: npt.NDArray[np.float64]
    sample: npt.NDArray[np.int64]
    folds: npt.NDArray[np.int64]
    records: npt.NDArray[np.uint64] | None = None

    def __post_init__(self) -> None:
        for column in self.columns:
            if len(column.codes) != len(self.y):
                raise ValueError(f"{column.name!r} has {len(column.codes)} rows, y has {len(self.y)}")

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @cached_property
    def labelled(self) -> BoolArray:
        """(n,) whether the target is known."""
        return ~np.isnan(self.y)

    @cached_property
    def sample_y(self) -> npt.NDArray[np.float64]:
        """(m,) target of the sampled rows."""
        return self.y[self.sample]

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The columns a model would read."""
        return tuple(c for c in self.columns if c.role is Role.INPUT)

    def without(self, names: Iterable[str]) -> View:
        """Return the view without these columns."""
        gone = set(names)
        return replace(self, columns=tuple(c for c in self.columns if c.name not in gone))


def view_of(
    table: pa.Table, schema: Schema, y: AnyArray, times: AnyArray | None, max_rows: int, random_state: int
) -> View:
    """Type and encode a table.

    Raises
    ------
    InputError
        If the table is empty, y or times has another number of rows, or y holds something but 0, 1
        and missing.
    """
    y = _target(y, table.num_rows)
    present = [f for f in schema.fields if f.name in table.column_names and f.role is not Role.TARGET]
    typed = Schema(fields=tuple(present), missing_markers=schema.missing_markers).conform(
        table, roles=list(Role)
    )
    columns = [_column(typed.table[f.name], f.name, f.kind, f.role) for f in present]
    time = next((c for c in columns if c.role is Role.TIME), None)
    if times is not None:
        time = _given_times(times, schema.time or "times", table.num_rows)
    labelled = np.flatnonzero(~np.isnan(y))
    sample = labelled
    if len(labelled) > max_rows:
        rng = np.random.default_rng(random_state)
        sample = np.sort(rng.choice(labelled, max_rows, replace=False))
    folds = stratified_folds(y[sample], random_state=random_state)
    records = _record_digests(table) if has_records(table) else None
    return View(tuple(c for c in columns if c.role is not Role.TIME), time, y, sample, folds, records)


def _target(y: AnyArray, rows: int) -> npt.NDArray[np.float64]:
    y = np.asarray(y, np.float64)
    if rows == 0:
        raise InputError("The table has 0 rows; give it at least one of each outcome.")
    if y.shape != (rows,):
        raise InputError(
            f"The table has {rows:,} rows but the target has shape {y.shape}; give one value a row."
        )
    strange = ~np.isnan(y) & (y != 0) & (y != 1)
    if strange.any():
        raise InputError(
            f"The target holds something but 0 and 1 in {int(strange.sum()):,} of {rows:,} rows, such as "
            f"{y[strange][0]:g}; code the event as 1 and its absence as 0."
        )
    return y


def _given_times(times: AnyArray, name: str, rows: int) -> Column:
    stamps = np.asarray(times).astype("datetime64[us]")
    if stamps.shape != (rows,):
        raise InputError(f"The table has {rows:,} rows but times has shape {stamps.shape}; give one a row.")
    column = pa.chunked_array([pa.array(stamps, pa.timestamp("us"), mask=np.isnat(stamps))])
    return _column(column, name, Kind.TIME, Role.TIME)


def _column(column: pa.ChunkedArray, name: str, kind: Kind, role: Role) -> Column:
    encoded = pa.chunked_array(column.chunks, column.type).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    if kind is Kind.NUMBER or kind is Kind.TIME:
        values = _as_days_or_numbers(encoded.dictionary, kind)
        order = np.argsort(values)
        codes = np.append(_places(order), -1)[codes]
        return Column(name, kind, role, codes, values[order])
    return Column(name, kind, role, codes, encoded.dictionary.to_numpy(zero_copy_only=False))


def _as_days_or_numbers(values: pa.Array, kind: Kind) -> npt.NDArray[np.float64]:
    if kind is Kind.TIME:
        days: npt.NDArray[np.float64] = values.cast(pa.int64()).to_numpy() / MICROSECONDS_A_DAY
        return days
    numbers: npt.NDArray[np.float64] = values.to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers


def mixed(codes: IntArray, place: int) -> npt.NDArray[np.uint64]:
    """Digest codes from -2 on, those of each place in another way (splitmix64's finaliser)."""
    x = (codes + 2).astype(np.uint64) + np.uint64((place + 1) << 40)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))


def _record_digests(table: pa.Table) -> npt.NDArray[np.uint64]:
    """(n,) 64-bit digest of each row's records: the sum over records and columns of mixed codes."""
    offsets, flat = flattened(table)
    lengths = np.diff(offsets)
    nth = np.arange(flat.num_rows) - np.repeat(offsets[:-1], lengths)
    digests = np.zeros(flat.num_rows + 1, np.uint64)
    for place, name in enumerate(flat.column_names):
        column = _column(flat[name], name, Kind.CATEGORY, Role.INPUT)
        # the value and where in its history it stands, as one number
        both = np.unique(nth * (len(column.values) + 1) + column.codes, return_inverse=True)[1]
        digests[1:] += mixed(both.ravel(), place)
    total = np.cumsum(digests, dtype=np.uint64)  # wraps around, as do the differences
    return np.asarray(total[offsets[1:]] - total[offsets[:-1]])


def _places(order: IntArray) -> npt.NDArray[np.int64]:
    """Inverse of a permutation."""
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return places
