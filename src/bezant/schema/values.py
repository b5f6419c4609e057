"""Reading values: from texts and types as they come to what a field promises."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bezant.schema.fields import (
    ISO_8601,
    UNIX_MILLISECONDS,
    UNIX_SECONDS,
    UNREADABLE_TOLERANCE,
    YEAR,
    Field,
    Kind,
    NumberFormat,
)
from bezant.types import InputError


@dataclass(frozen=True)
class _Distinct:
    """The distinct texts of a column, markers turned to null, and the code of every row.

    All reading of text happens once a distinct value. That is fast, and it makes the meaning of a text
    depend on the text alone: a table scored in chunks reads exactly as it does whole.
    """

    values: pa.Array
    codes: pa.ChunkedArray

    @classmethod
    def of(cls, column: pa.ChunkedArray, markers: tuple[str, ...]) -> _Distinct:
        encoded = column.dictionary_encode()  # every chunk carries the dictionary of them all
        values = encoded.chunk(0).dictionary if encoded.num_chunks else pa.array([], pa.string())
        codes = pa.chunked_array([c.indices for c in encoded.chunks], pa.int32())
        return cls(trimmed(values, markers), codes)

    def spread(self, values: pa.Array) -> pa.ChunkedArray:
        """Give every row the value that belongs to its text."""
        return pa.chunked_array([values.take(c) for c in self.codes.chunks], values.type)


def read_column(
    column: pa.ChunkedArray, field: Field, markers: tuple[str, ...]
) -> tuple[pa.ChunkedArray, list[str]]:
    """Return the column as its kind's Arrow type, and what there is to say about it."""
    column = plain(column)
    if not _is_readable(column.type, field.kind):
        raise unreadable(column, field.name)
    if field.kind in (Kind.CATEGORY, Kind.TEXT):
        return as_text(column, markers), []
    if field.kind is Kind.TIME and not pa.types.is_temporal(column.type):
        column = as_text(column, markers)
    if pa.types.is_string(column.type):
        distinct = _Distinct.of(column, markers)
        read = _parse_text(distinct.values, field)
        bad = pc.and_(pc.is_valid(distinct.values), pc.is_null(read))
        lost = total(pc.fill_null(distinct.spread(bad), False)) if total(bad) else 0
        example = distinct.values.filter(bad)[0].as_py() if lost else None
        values = distinct.spread(read)
    else:
        values, lost, example = _read_typed(column, field.kind)
    said = _judge_lost(field, lost, example, rows=len(column), filled=len(values) - values.null_count + lost)
    return values, said + _said_of_infinities(column, field.name)


def _is_readable(given: pa.DataType, kind: Kind) -> bool:
    """Tell whether a column of this type may be read; as a text, whatever has one."""
    if pa.types.is_nested(given):
        return False
    return kind is not Kind.NUMBER or is_single(given)


def is_single(given: pa.DataType) -> bool:
    """Tell whether a type holds numbers, texts, truth values or times."""
    tests = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return pa.types.is_string(given) or is_instant(given) or any(test(given) for test in tests)


def unreadable(column: pa.ChunkedArray, name: str) -> InputError:
    """Return the error for a column of a type that means nothing to a model."""
    return InputError(
        f"Column {name!r} holds values of the type {column.type} in its {len(column)} rows, which is neither "
        "a number, a text, a truth value nor a time; turn it into one of these or leave it out."
    )


def _judge_lost(field: Field, lost: int, example: object, *, rows: int, filled: int) -> list[str]:
    """Say how many rows could not be read, or refuse the column if they are many."""
    if not lost:
        return []
    word = "a number" if field.kind is Kind.NUMBER else "a time"
    if lost > UNREADABLE_TOLERANCE * filled:
        how = f" in the format {field.time_format!r}" if field.kind is Kind.TIME and field.time_format else ""
        raise InputError(
            f"Column {field.name!r} should hold {word}{how}, but {lost} of {rows} rows hold "
            f"something else, such as {example!r}; mend those rows or leave them empty."
        )
    return [
        f"Column {field.name!r}: {lost} of {rows} rows {'is' if lost == 1 else 'are'} not {word} (such as "
        f"{example!r}) and {'counts' if lost == 1 else 'count'} as missing."
    ]


def _said_of_infinities(column: pa.ChunkedArray, name: str) -> list[str]:
    if not pa.types.is_floating(column.type):
        return []
    infinite = total(pc.fill_null(pc.is_inf(column), False))
    if not infinite:
        return []
    verbs = ("is", "counts") if infinite == 1 else ("are", "count")
    return [
        f"Column {name!r}: {infinite} of {len(column)} rows {verbs[0]} infinite and {verbs[1]} as missing."
    ]


def without_infinities(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """Return a table whose infinite numbers are missing, with a sentence for each column that held some.

    For tables that no schema types. NaN becomes missing too, of which nothing is said, as anywhere.
    """
    notes: list[str] = []
    for k, name in enumerate(table.column_names):
        said = _said_of_infinities(table[name], name)
        if said:
            finite = pc.if_else(pc.is_finite(table[name]), table[name], pa.scalar(None, table[name].type))
            table = table.set_column(k, name, finite)
        notes.extend(said)
    return table, tuple(notes)


def total(truths: pa.Array | pa.ChunkedArray) -> int:
    """Return how many of these truths are true."""
    return int(pc.sum(truths).as_py() or 0)


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Undo dictionaries and string flavours."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    flavour = column.type
    if pa.types.is_large_string(flavour) or pa.types.is_string_view(flavour) or pa.types.is_null(flavour):
        column = column.cast(pa.string())
    return column


def trimmed(text: pa.Array, markers: tuple[str, ...]) -> pa.Array:
    """Return texts without white space around them, markers of "not known" turned to null."""
    text = pc.utf8_trim_whitespace(text)
    gone = pc.is_in(text, value_set=pa.array(markers, pa.string()))
    return pc.if_else(gone, pa.scalar(None, pa.string()), text)


def as_text(column: pa.ChunkedArray, markers: tuple[str, ...]) -> pa.ChunkedArray:
    """Return the one text of each value: ``3``, ``3.0`` and ``"3.0"`` are all ``"3"``, in every chunk."""
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        numbers, _, _ = _read_typed(column, Kind.NUMBER)
        # a float32 prints its own few digits, a float64 would show the rounding
        printed = column.cast(pa.string()) if pa.types.is_float32(column.type) else numbers.cast(pa.string())
        whole = pc.and_(pc.equal(numbers, pc.trunc(numbers)), pc.less(pc.abs(numbers), 2.0**63))
        integers = pc.if_else(whole, numbers, None).cast(pa.int64()).cast(pa.string())
        column = pc.if_else(
            pc.is_valid(numbers), pc.coalesce(integers, printed), pa.scalar(None, pa.string())
        )
    elif not pa.types.is_string(column.type):
        try:
            column = column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            texts = [None if v is None else str(v) for v in column.to_pylist()]
            column = pa.chunked_array([pa.array(texts, pa.string())])
    distinct = _Distinct.of(column, markers)
    return distinct.spread(_canonical(distinct.values))


def _canonical(text: pa.Array) -> pa.Array:
    """Spell whole numbers and truth values in one way, as readers and writers differ in it."""
    odd = pc.match_substring_regex(text, r"^(?:-?\d+\.0*|-0+|True|TRUE|False|FALSE)$")
    if not total(odd):
        return text
    text = pc.replace_substring_regex(text, r"^(-?\d+)\.0*$", r"\1")
    text = pc.replace_substring_regex(text, r"^-(0+)$", r"\1")
    text = pc.replace_substring_regex(text, r"^(?:True|TRUE)$", "true")
    return pc.replace_substring_regex(text, r"^(?:False|FALSE)$", "false")


def _read_typed(column: pa.ChunkedArray, kind: Kind) -> tuple[pa.ChunkedArray, int, object]:
    """Cast a column that is not text; return it with the number of rows lost and one of them."""
    wanted = pa.timestamp("us") if kind is Kind.TIME else pa.float64()
    if (kind is Kind.TIME) is not is_instant(column.type):
        valid = column.drop_null()
        empty = pa.chunked_array([pa.nulls(len(column), wanted)])
        return empty, len(valid), valid[0].as_py() if len(valid) else None
    if kind is Kind.TIME:
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            column = column.cast(pa.timestamp("us", "UTC"), safe=False)
        return column.cast(wanted, safe=False), 0, None
    return _finite(column.cast(wanted, safe=False)), 0, None


def is_instant(kind: pa.DataType) -> bool:
    """Tell whether a type holds moments in time."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _parse_text(text: pa.Array, field: Field) -> pa.Array:
    if field.kind is Kind.NUMBER:
        return parse_numbers(text, field.number_format)
    # a model fitted on typed times also reads the one way of writing them that cannot be misread
    return parse_times(text, field.time_format or ISO_8601, field.century_pivot)


_NUMBER_PATTERNS = {
    NumberFormat.PLAIN: r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$",
    # groups of two are those of India: 1,00,000
    NumberFormat.US: r"^[+-]?((\d{1,3}(,\d{2,3})*,\d{3}|\d+)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$",
    NumberFormat.EUROPEAN: r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d*)?([eE][+-]?\d+)?$",
}


def parse_numbers(text: pa.Array, fmt: NumberFormat) -> pa.Array:
    """Read numbers from text; what does not follow the format to the letter is null, never guessed."""
    if fmt is not NumberFormat.PLAIN:
        text = pc.replace_substring_regex(text, r"[\s\x{00a0}\x{202f}$€£¥%'_]|USD|EUR|GBP", "")
        text = pc.replace_substring_regex(text, r"^\(([^-+].*)\)$", r"-\1")
    else:
        try:  # the usual case, many times faster than the patterns; it reads nothing else but inf and nan
            return _finite(text.cast(pa.float64()))
        except pa.ArrowInvalid:
            pass
    text = pc.replace_substring(text, "\u2212", "-")
    sound = pc.match_substring_regex(text, _NUMBER_PATTERNS[fmt])
    text = pc.if_else(sound, text, pa.scalar(None, pa.string()))
    if fmt is NumberFormat.US:
        text = pc.replace_substring(text, ",", "")
    elif fmt is NumberFormat.EUROPEAN:
        text = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
    return _finite(text.cast(pa.float64()))


def _finite(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


_DIRECTIVES = {
    "%Y": r"\d{4}", "%y": r"\d{2}", "%m": r"\d{1,2}", "%d": r"(?P<day>\d{1,2})", "%b": r"[A-Za-z]{3,9}",
    "%H": r"\d{1,2}", "%M": r"\d{2}", "%S": r"\d{2}",
}  # fmt: skip
_ISO_PATTERN = (
    r"^\d{4}-(?:0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])"
    r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?$"
)


_UNIX = {
    UNIX_SECONDS: (r"^([1-9]\d{8}|1[0-8]\d{8})(\.\d+)?$", 1e6),
    UNIX_MILLISECONDS: (r"^1[0-8]\d{11}(\.\d+)?$", 1e3),
}
"""Shape and microseconds of a unit; from 1.9 thousand million on 2004013110 may be an hour of a day."""


def parse_times(text: pa.Array, time_format: str, century_pivot: int) -> pa.Array:
    """Read times from text; a day that its month does not have (30 February) is null."""
    if time_format == ISO_8601:
        return _parse_iso(text)
    if time_format in _UNIX:
        pattern, unit = _UNIX[time_format]
        sound = pc.match_substring_regex(text, pattern)
        number = pc.if_else(sound, text, pa.scalar(None, pa.string())).cast(pa.float64())
        return pc.round(pc.multiply(number, unit)).cast(pa.int64()).cast(pa.timestamp("us"))
    if time_format == YEAR:
        sound = pc.match_substring_regex(text, r"^(18|19|20|21)\d\d$")
        text = pc.binary_join_element_wise(pc.if_else(sound, text, None), "01-01", "-")
        time_format = "%Y-%m-%d"
    elif "%d" not in time_format:  # a month is its first day
        text, time_format = pc.binary_join_element_wise("01", text, " "), f"%d {time_format}"
    text, day = _sound_text(text, time_format)
    stamps = pc.strptime(text, format=time_format, unit="us", error_is_null=True)
    stamps = pc.if_else(pc.equal(pc.day(stamps), day), stamps, None)  # strptime reads 30 February as 1 March
    return stamps if "%Y" in time_format else _with_century(stamps, century_pivot)


def _sound_text(text: pa.Array, time_format: str) -> tuple[pa.Array, pa.Array]:
    """Keep the texts that have the format's shape, and return the day each one names."""
    pattern = time_format.replace(".", r"\.")
    width = r"\d{2}" if time_format == "%Y%m%d" else r"\d{1,2}"
    for directive, shape in _DIRECTIVES.items():
        pattern = pattern.replace(directive, shape.replace(r"\d{1,2}", width))
    named = pc.extract_regex(text, f"^{pattern}$")
    text = pc.if_else(pc.is_valid(named), text, pa.scalar(None, pa.string()))
    return text, pc.struct_field(named, "day").cast(pa.int64())


def _with_century(stamps: pa.Array, century_pivot: int) -> pa.Array:
    """Move times after the pivot year back by a century."""
    late = pc.fill_null(pc.greater(pc.year(stamps), century_pivot), False).to_numpy(zero_copy_only=False)
    values = stamps.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    months = values[late].astype("datetime64[M]")
    within = values[late] - months.astype("datetime64[us]")
    values[late] = (months - np.timedelta64(1200, "M")).astype("datetime64[us]") + within
    return pa.array(values, pa.timestamp("us"))


def has_zone(text: pa.Array) -> pa.Array:
    """Tell of times in ISO 8601 whether they say their zone."""
    zone = pc.struct_field(pc.extract_regex(text, _ISO_PATTERN), "zone")
    return pc.fill_null(pc.not_equal(zone, ""), False)


def _parse_iso(text: pa.Array) -> pa.Array:
    """Read dates and times such as 2004-01-31, 2004-01-31 10:20 and 2004-01-31T10:20:30.25+02:00 (as UTC)."""
    parts = pc.extract_regex(text, _ISO_PATTERN)
    date = pc.strptime(pc.utf8_slice_codeunits(text, 0, 10), format="%Y-%m-%d", unit="us", error_is_null=True)
    real = pc.equal(pc.day(date), pc.struct_field(parts, "day").cast(pa.int64()))
    zoned = has_zone(text)
    text = pc.if_else(pc.fill_null(real, False), text, pa.scalar(None, pa.string()))
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1")  # times are kept in microseconds
    local = pc.if_else(zoned, pa.scalar(None, pa.string()), text).cast(pa.timestamp("us"))
    if not total(zoned):
        return local
    utc = pc.if_else(zoned, text, pa.scalar(None, pa.string())).cast(pa.timestamp("us", "UTC"))
    return pc.coalesce(local, utc.cast(pa.timestamp("us")))
