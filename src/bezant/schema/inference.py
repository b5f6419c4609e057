"""Working out what each column of a table means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.schema.fields import (
    DEFAULT_MISSING_MARKERS,
    HIGH_CARDINALITY,
    ISO_8601,
    TIME_FORMATS,
    UNIX_MILLISECONDS,
    UNIX_SECONDS,
    UNREADABLE_TOLERANCE,
    YEAR,
    Field,
    Kind,
    NumberFormat,
    Role,
)
from bezant.schema.records import RECORDS, flattened, has_records
from bezant.schema.schema import Schema
from bezant.schema.values import (
    as_text,
    has_zone,
    is_instant,
    parse_numbers,
    parse_times,
    plain,
    total,
    trimmed,
    unreadable,
)
from bezant.schema.words import listed, refuse_duplicate_names, unknown_column
from bezant.types import InputError

_Format = TypeVar("_Format", bound=str)

SAMPLE_ROWS = 4096
"""Rows looked at first, to rule formats out before all distinct values of a column are read."""


@dataclass(frozen=True)
class _Counted:
    """Distinct filled texts of a column, in order of appearance, and how many rows hold each."""

    values: pa.Array
    counts: pa.Array

    @classmethod
    def of(cls, column: pa.ChunkedArray, markers: tuple[str, ...]) -> _Counted:
        counted = pc.value_counts(column)
        values = trimmed(counted.field("values"), markers)
        filled = pc.is_valid(values)
        return cls(values.filter(filled), counted.field("counts").filter(filled))

    @property
    def rows(self) -> int:
        return total(self.counts)

    def share_read(self, read: pa.Array) -> float:
        """Share of the filled rows that a reader could read."""
        return total(self.counts.filter(pc.is_valid(read))) / max(self.rows, 1)


def _sample_of(column: pa.ChunkedArray, markers: tuple[str, ...]) -> _Counted:
    """Count a few thousand rows drawn at random (always the same ones)."""
    drawn = np.sort(np.random.default_rng(0).integers(0, len(column), SAMPLE_ROWS))
    return _Counted.of(column.take(pa.array(drawn)), markers)


def _infer_field(column: pa.ChunkedArray, name: str, markers: tuple[str, ...], kind: Kind | None) -> Field:
    column = plain(column)
    if kind in (Kind.CATEGORY, Kind.TEXT):
        return Field(name=name, kind=kind)
    if not pa.types.is_string(column.type):
        return _infer_typed(column, name, kind)
    sample = _sample_of(column, markers) if len(column) > 4 * SAMPLE_ROWS else None
    if sample is None or sample.rows < SAMPLE_ROWS // 16:  # too few filled rows to judge by
        sample = _Counted.of(column, markers)
    numbers = (
        list(NumberFormat) if kind is Kind.NUMBER else _plausible(sample, list(NumberFormat), parse_numbers)
    )
    times = [] if numbers else _plausible(sample, list(TIME_FORMATS), _parse_any_time)
    if not numbers and not times and len(sample.values) > HIGH_CARDINALITY:
        return Field(name=name, kind=Kind.TEXT)  # nothing that the other rows hold could change this
    return _infer_text(_Counted.of(column, markers), name, kind, numbers, times)


def _infer_text(
    counted: _Counted, name: str, kind: Kind | None, numbers: list[NumberFormat], times: list[str]
) -> Field:
    """Decide a text column on all its values, among the formats that a sample left possible."""
    if kind is None and not counted.rows:
        return Field(name=name, kind=Kind.CATEGORY, note="every row is missing")
    enough = 1 - UNREADABLE_TOLERANCE
    fmt, share = _best(counted, numbers, parse_numbers) if numbers else (NumberFormat.PLAIN, 0.0)
    if kind is Kind.NUMBER or share >= enough:
        return Field(name=name, kind=Kind.NUMBER, number_format=fmt, note=_number_note(counted, fmt))
    times = times or _plausible(counted, list(TIME_FORMATS), _parse_any_time)
    if times:
        time_format, share = _best(counted, times, _parse_any_time)
        if share >= enough:
            return Field(
                name=name,
                kind=Kind.TIME,
                time_format=time_format,
                note=_time_note(counted, time_format, share),
            )
    return Field(name=name, kind=Kind.TEXT if len(counted.values) > HIGH_CARDINALITY else Kind.CATEGORY)


def _infer_typed(column: pa.ChunkedArray, name: str, kind: Kind | None) -> Field:
    given = column.type
    if pa.types.is_boolean(given):
        return Field(name=name, kind=kind or Kind.CATEGORY)
    if is_instant(given):
        zone = given.tz if pa.types.is_timestamp(given) else None
        return Field(name=name, kind=Kind.TIME, note=f"times of the zone {zone}, kept as UTC" if zone else "")
    if pa.types.is_integer(given) or pa.types.is_floating(given) or pa.types.is_decimal(given):
        return Field(name=name, kind=kind or Kind.NUMBER)
    raise unreadable(column, name)


def _infer_time(column: pa.ChunkedArray, name: str, markers: tuple[str, ...], *, required: bool) -> Field:
    """Infer a column that is said to be a time; refuse it if it is not."""
    column = plain(column)
    if is_instant(column.type):
        return _infer_typed(column, name, Kind.TIME)
    counted = _Counted.of(as_text(column, markers), markers)
    formats = [YEAR, *TIME_FORMATS, UNIX_SECONDS, UNIX_MILLISECONDS]
    time_format, share = _best(counted, formats, _parse_any_time)
    if share == 0:
        example = f"such as {counted.values[0].as_py()!r}" if counted.rows else "all of them are empty"
        raise InputError(
            f"Column {name!r} was named as the time, but none of its {len(column)} rows reads as a time "
            f"({example}); name another column or write the dates as 2004-01-31."
        )
    if required and share < 1:
        unread = pc.is_null(_parse_any_time(counted.values, time_format))
        lost, other = total(counted.counts.filter(unread)), counted.values.filter(unread)[0]
        first = pc.index(trimmed(as_text(column, markers), markers), other).as_py() + 1
        read = counted.rows - lost
        does = "does" if lost == 1 else "do"
        raise InputError(
            f"Column {name!r} holds times in more than one format: {read} "
            f"{'row reads' if read == 1 else 'rows read'} as {time_format!r}, but {lost} {does} not, such "
            f"as {other.as_py()!r} in row {first}; write all of them in one format."
        )
    if required and time_format == ISO_8601:
        _refuse_some_zones(counted, name)
    return Field(
        name=name, kind=Kind.TIME, time_format=time_format, note=_time_note(counted, time_format, share)
    )


def _refuse_some_zones(counted: _Counted, name: str) -> None:
    """Refuse times of which some say their zone and others do not: nobody knows how far apart they are."""
    zoned = has_zone(counted.values)
    some = total(counted.counts.filter(zoned))
    if 0 < some < counted.rows:
        with_zone, without = (counted.values.filter(m)[0].as_py() for m in (zoned, pc.invert(zoned)))
        raise InputError(
            f"Column {name!r} says the zone of {some} of its {counted.rows} times, such as {with_zone!r}, "
            f"and not of the others, such as {without!r}; write it behind all of them or none."
        )


def _parse_any_time(text: pa.Array, time_format: str) -> pa.Array:
    return parse_times(text, time_format, Field.model_fields["century_pivot"].default)


def _plausible(
    sample: _Counted, formats: list[_Format], read: Callable[[pa.Array, _Format], pa.Array]
) -> list[_Format]:
    """Keep the formats that read at least half of a sample; the others cannot read 95 % of all rows."""
    return [f for f in formats if sample.rows and sample.share_read(read(sample.values, f)) >= 0.5]


def _best(
    counted: _Counted, formats: list[_Format], read: Callable[[pa.Array, _Format], pa.Array]
) -> tuple[_Format, float]:
    """Return the first format that reads the largest share of the filled rows, and that share."""
    best, most = formats[0], 0.0
    for f in formats:
        share = counted.share_read(read(counted.values, f))
        if share > most:
            best, most = f, share
        if share == 1:
            break
    return best, most


def _number_note(counted: _Counted, fmt: NumberFormat) -> str:
    """Say with an example how text was turned into numbers, where there was more than one way."""
    if fmt is NumberFormat.PLAIN:
        return ""
    plain = parse_numbers(counted.values, NumberFormat.PLAIN)
    dirty = counted.values.filter(pc.is_null(plain))
    read = parse_numbers(dirty, fmt)
    if read.null_count == len(read):
        return ""
    text, value = dirty.filter(pc.is_valid(read))[0].as_py(), read.drop_null()[0].as_py()
    what = "a decimal comma" if fmt is NumberFormat.EUROPEAN else "signs or thousands separators"
    return f"numbers as text with {what}, read as {fmt.value}: {text!r} is {value:.15g}"


def _time_note(counted: _Counted, time_format: str, share: float) -> str:
    if time_format == YEAR:
        return "whole years"
    note = f"times as text, read as {time_format}"
    swapped = _swap_day_and_month(time_format)
    if (
        swapped != time_format
        and swapped in TIME_FORMATS
        and counted.share_read(_parse_any_time(counted.values, swapped)) == share
    ):
        note += f" (day and month are ambiguous: {swapped} would read them too)"
    some = total(counted.counts.filter(has_zone(counted.values))) if time_format == ISO_8601 else 0
    if 0 < some < counted.rows:
        note += f" ({some} of {counted.rows} with a zone, kept as UTC; the others are taken to be UTC)"
    if "%y" in time_format:
        note += (
            f"; two-digit years after {Field.model_fields['century_pivot'].default} are of the century before"
        )
    return note


def _swap_day_and_month(time_format: str) -> str:
    swap = {"%d": "%m", "%m": "%d"}
    return re.sub("%[dm]", lambda found: swap[found.group()], time_format)


def infer_schema(
    table: pa.Table,
    *,
    target: str | None = None,
    time: str | None = None,
    identifiers: Iterable[str] = (),
    ignore: Iterable[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    missing_markers: tuple[str, ...] = DEFAULT_MISSING_MARKERS,
) -> Schema:
    """Work out what each column of a table means.

    Parameters
    ----------
    table : pyarrow.Table
        The rows to learn from (only the training rows, where there is a split).
    target, time : str, optional
        Names of the column to predict and of the column that orders the rows.
    identifiers, ignore : iterable of str
        Columns that name a row, and columns to leave aside.
    kinds : mapping of str to Kind, optional
        Kinds that are known and need no inference.
    missing_markers : tuple of str
        Texts that mean "not known".

    Notes
    -----
    A column of records (:data:`RECORDS`) has a schema of its own; the first of its columns that holds times
    is the time of a record.

    Raises
    ------
    InputError
        If it is no table of pyarrow, a named column does not exist, names repeat, the time column cannot be
        read as times, or there is no row to learn the meaning of a text column from.
    """
    if not isinstance(table, pa.Table):
        raise InputError(
            f"infer_schema reads a pyarrow.Table, not {type(table).__module__.split('.')[0]}."
            f"{type(table).__name__}; give a pyarrow.Table; bezant.check and fit read any frame."
        )
    refuse_duplicate_names(table.column_names)
    if has_records(table):
        rest = table.drop_columns([RECORDS])
        own = Schema(fields=(), missing_markers=missing_markers)
        if rest.num_columns:
            own = infer_schema(
                rest,
                target=target,
                time=time,
                identifiers=identifiers,
                ignore=ignore,
                kinds=kinds,
                missing_markers=missing_markers,
            )
        return own.model_copy(update={"records": _infer_records(table, missing_markers)})
    roles = dict.fromkeys(ignore, Role.IGNORED) | dict.fromkeys(identifiers, Role.IDENTIFIER)
    roles |= {n: r for n, r in ((target, Role.TARGET), (time, Role.TIME)) if n is not None}
    for name in [*roles, *(kinds or {})]:
        if name not in table.column_names:
            raise unknown_column(name, table.column_names)
    _refuse_nothing_to_learn_from(
        table, {n for n, r in roles.items() if r is Role.IGNORED} | set(kinds or {})
    )
    fields = []
    for name in table.column_names:
        role = roles.get(name, Role.INPUT)
        kind = (kinds or {}).get(name)
        if role is Role.IGNORED:  # whatever it holds, it stands in nobody's way
            field = Field(name=name, kind=kind or Kind.TEXT)
        elif role is Role.TIME:
            field = _infer_time(table[name], name, missing_markers, required=True)
        elif kind is Kind.TIME:
            field = _infer_time(table[name], name, missing_markers, required=False)
        else:
            field = _infer_field(table[name], name, missing_markers, kind)
            if name == RECORDS and pa.types.is_string(plain(table[name]).type):
                said = "it holds text, not lists of records; bezant.with_records makes those"
                field = field.model_copy(update={"note": f"{field.note}; {said}" if field.note else said})
        fields.append(field.model_copy(update={"role": role}))
    return Schema(fields=tuple(fields), missing_markers=missing_markers)


def _infer_records(table: pa.Table, markers: tuple[str, ...]) -> Schema:
    """Work out what the columns of the records mean, and which of them is their time."""
    offsets, flat = flattened(table)
    if not offsets[-1]:
        raise InputError(
            f"None of the {table.num_rows} rows has a record in column {RECORDS!r}; leave that column out."
        )
    found = infer_schema(flat, missing_markers=markers)
    times = [f.name for f in found.fields if f.kind is Kind.TIME]
    if not times:
        raise InputError(
            f"None of the columns of the {flat.num_rows} records in {RECORDS!r} holds times "
            f"({listed(found.names)}); give each record its time."
        )
    return found.with_role(Role.TIME, times[0])


def _refuse_nothing_to_learn_from(table: pa.Table, known: set[str]) -> None:
    if not table.num_columns:
        raise InputError(f"The table of {table.num_rows} rows has no columns; give at least one.")
    open_ones = [n for n in table.column_names if n not in known and pa.types.is_string(plain(table[n]).type)]
    if not table.num_rows and open_ones:
        raise InputError(
            f"The table has 0 rows to learn from, not even for {listed(open_ones)}; give at least one row, "
            "or a schema."
        )
