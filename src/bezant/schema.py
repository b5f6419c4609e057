"""What a column means: its kind, its role, how its text is read; inferred, checked, saved as JSON.

A :class:`Schema` is the contract between the rows a user has and the arrays a network reads. It is
inferred once (:func:`infer_schema`), may be edited (:meth:`Schema.with_role`,
:meth:`Schema.with_kind`), travels inside every saved model, and turns any later table into the same
typed columns (:meth:`Schema.conform`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, model_validator

from bezant.types import InputError

_Format = TypeVar("_Format", bound=str)

DEFAULT_MISSING_MARKERS = (
    "", "NA", "N/A", "na", "n/a", "NaN", "nan", "None", "none", "NULL", "null", "<NA>", "NaT",
    "inf", "-inf", "Inf", "-Inf", "infinity", "-infinity", "?", "#N/A",
)  # fmt: skip
"""Texts that mean "not known"; compared after trimming white space."""

ISO_8601 = "iso8601"
"""Dates and times as in 2004-01-31, 2004-01-31 10:20:30.5 or 2004-01-31T10:20:30+02:00 (kept as UTC)."""

YEAR = "year"
"""Whole years such as 1997; tried only for a column that is said to be a time."""

TIME_FORMATS = (
    ISO_8601, "%Y/%m/%d", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d.%m.%Y", "%m/%d/%Y",
    "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d.%m.%y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d-%m-%Y",
    "%m-%d-%Y", "%b-%Y", "%b-%y", "%Y-%m", "%Y%m%d",
)  # fmt: skip
"""Formats tried in this order for times written as text; the first that reads most rows wins."""

HIGH_CARDINALITY = 64
"""A text column with more distinct values than this is :attr:`Kind.TEXT` rather than CATEGORY."""

UNREADABLE_TOLERANCE = 0.05
"""Up to this share of the filled rows of a number or time column may be unreadable text."""


class Kind(StrEnum):
    """What the values of a column are."""

    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"  # a category of very many values: names, places, banks, postcodes
    TIME = "time"


class Role(StrEnum):
    """What a column is for."""

    INPUT = "input"
    TARGET = "target"
    TIME = "time"  # orders the rows; not an input unless asked for: it extrapolates
    IDENTIFIER = "identifier"
    IGNORED = "ignored"


class NumberFormat(StrEnum):
    """How numbers stand in text."""

    PLAIN = "plain"  # 1234.5
    US = "us"  # $1,234.50 and (1,234.50) for negative
    EUROPEAN = "european"  # 1.234,5


class Field(BaseModel):
    """One column of a table.

    Parameters
    ----------
    name : str
        The column's name.
    kind : Kind
        What its values are.
    role : Role, default INPUT
        What it is for.
    number_format : NumberFormat, default PLAIN
        How a NUMBER is read where it comes as text.
    time_format : str, optional
        How a TIME that comes as text is read: a ``strptime`` format, :data:`ISO_8601` or :data:`YEAR`.
    century_pivot : int, default 2030
        Two-digit years that would lie after this year belong to the century before.
    note : str, default ""
        What was recognised or decided about the column, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    role: Role = Role.INPUT
    number_format: NumberFormat = NumberFormat.PLAIN
    time_format: str | None = None
    century_pivot: int = 2030
    note: str = ""


@dataclass(frozen=True)
class Conformed:
    """A table whose columns have exactly the types a schema promises.

    Attributes
    ----------
    table : pyarrow.Table
        NUMBER columns are float64, CATEGORY and TEXT are strings, TIME is timestamp[us]; whatever is
        missing is null, and neither NaN nor infinity remains.
    notes : tuple of str
        One sentence for each thing that was replaced, read leniently or left aside.
    """

    table: pa.Table
    notes: tuple[str, ...] = ()


class Schema(BaseModel):
    """The columns of a table, in order, with what they mean.

    Parameters
    ----------
    fields : tuple of Field
        One entry a column; names must be unique and at most one field is the target, one the time.
    missing_markers : tuple of str
        Texts that mean "not known".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: tuple[Field, ...]
    missing_markers: tuple[str, ...] = DEFAULT_MISSING_MARKERS

    @model_validator(mode="after")
    def _consistent(self) -> Schema:
        refuse_duplicate_names([f.name for f in self.fields])
        for role in (Role.TARGET, Role.TIME):
            names = [f.name for f in self.fields if f.role is role]
            if len(names) > 1:
                raise InputError(
                    f"Columns {_listed(names)} all have the role {role.value!r}; only one may have it."
                )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(f.name for f in self.fields)

    @property
    def inputs(self) -> tuple[Field, ...]:
        """The fields a model reads."""
        return tuple(f for f in self.fields if f.role is Role.INPUT)

    @property
    def target(self) -> str | None:
        """Name of the target column, if there is one."""
        return next((f.name for f in self.fields if f.role is Role.TARGET), None)

    @property
    def time(self) -> str | None:
        """Name of the column that orders the rows, if there is one."""
        return next((f.name for f in self.fields if f.role is Role.TIME), None)

    def field(self, name: str) -> Field:
        """Return the field of that name; an :class:`InputError` lists the names there are."""
        for f in self.fields:
            if f.name == name:
                return f
        raise unknown_column(name, self.names)

    def with_role(self, role: Role, *names: str) -> Schema:
        """Return a copy in which these columns have this role."""
        return self._edited(names, {"role": role})

    def with_kind(self, kind: Kind, *names: str) -> Schema:
        """Return a copy in which these columns have this kind."""
        return self._edited(names, {"kind": kind})

    def select(self, *roles: Role) -> Schema:
        """Return a copy with only the fields of these roles."""
        return self.model_copy(update={"fields": tuple(f for f in self.fields if f.role in roles)})

    def _edited(self, names: Iterable[str], change: Mapping[str, object]) -> Schema:
        wanted = {self.field(n).name for n in names}
        fields = (f.model_copy(update=dict(change)) if f.name in wanted else f for f in self.fields)
        return Schema(fields=tuple(fields), missing_markers=self.missing_markers)

    def to_json(self) -> str:
        """Return the schema as indented JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=2)

    @classmethod
    def from_json(cls, text: str) -> Schema:
        """Read what :meth:`to_json` wrote; unknown keys are refused."""
        return cls.model_validate_json(text)

    def save(self, path: str | Path) -> None:
        """Write the schema to a JSON file."""
        Path(path).write_text(self.to_json() + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read a schema from a JSON file."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def conform(self, table: pa.Table, *, roles: Iterable[Role] = (Role.INPUT, Role.TIME)) -> Conformed:
        """Turn a table into the typed columns this schema promises.

        Parameters
        ----------
        table : pyarrow.Table
            Any table that holds at least the columns with these roles; others are left aside.
        roles : iterable of Role
            Which columns to return, default inputs and the ordering time.

        Raises
        ------
        InputError
            If a column is missing, or more than 5 % of its filled rows cannot be read as its kind.
        """
        refuse_duplicate_names(table.column_names)
        wanted = [f for f in self.fields if f.role in set(roles)]
        absent = [f.name for f in wanted if f.name not in table.column_names]
        if absent:
            raise InputError(
                f"{_columns(absent)} of the model's schema {_are(absent)} not in the table of "
                f"{table.num_rows} rows (it has {_listed(table.column_names)}); add {_them(absent)}, "
                "empty where not known."
            )
        columns: dict[str, pa.ChunkedArray] = {}
        notes: list[str] = []
        for f in wanted:
            columns[f.name], said = _read_column(table[f.name], f, self.missing_markers)
            notes.extend(said)
        extra = sorted(set(table.column_names) - set(self.names))
        if extra:
            notes.append(f"{_columns(extra)} {_are(extra)} not known to the schema and left aside.")
        return Conformed(pa.table(columns), tuple(notes))


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

    Raises
    ------
    InputError
        If a named column does not exist, names repeat, the time column cannot be read as times, or
        there is no row to learn the meaning of a text column from.
    """
    refuse_duplicate_names(table.column_names)
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
        fields.append(field.model_copy(update={"role": role}))
    return Schema(fields=tuple(fields), missing_markers=missing_markers)


def _refuse_nothing_to_learn_from(table: pa.Table, known: set[str]) -> None:
    if not table.num_columns:
        raise InputError(f"The table of {table.num_rows} rows has no columns; give at least one.")
    open_ones = [
        n for n in table.column_names if n not in known and pa.types.is_string(_plain(table[n]).type)
    ]
    if not table.num_rows and open_ones:
        raise InputError(
            f"The table has 0 rows to learn from, not even for {_listed(open_ones)}; give at least one row, "
            "or a schema."
        )


def refuse_duplicate_names(names: Iterable[str]) -> None:
    """Raise an :class:`InputError` if a column name stands more than once."""
    twice = sorted(n for n, times in Counter(names).items() if times > 1)
    if twice:
        raise InputError(
            f"{_columns(twice)} {'stands' if len(twice) == 1 else 'stand'} more than once in the table; "
            "rename or drop the copies."
        )


def unknown_column(name: str, names: Iterable[str]) -> InputError:
    """Return the error for a column that does not exist, with the nearest names there are."""
    import difflib

    names = list(names)
    folded = {n.lower(): n for n in names}
    near = [folded[n] for n in difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6)]
    hint = f"did you mean {near[0]!r}?" if near else f"the columns are {_listed(names)}."
    return InputError(f"There is no column {name!r}; {hint}")


# ---------------------------------------------------------------------------------- reading values


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
        return cls(_trimmed(values, markers), codes)

    def spread(self, values: pa.Array) -> pa.ChunkedArray:
        """Give every row the value that belongs to its text."""
        return pa.chunked_array([values.take(c) for c in self.codes.chunks], values.type)


def _read_column(
    column: pa.ChunkedArray, field: Field, markers: tuple[str, ...]
) -> tuple[pa.ChunkedArray, list[str]]:
    """Return the column as its kind's Arrow type, and what there is to say about it."""
    column = _plain(column)
    if field.kind in (Kind.CATEGORY, Kind.TEXT):
        return _as_text(column, markers), []
    if field.kind is Kind.TIME and not pa.types.is_temporal(column.type):
        column = _as_text(column, markers)
    if pa.types.is_string(column.type):
        distinct = _Distinct.of(column, markers)
        read = _parse_text(distinct.values, field)
        bad = pc.and_(pc.is_valid(distinct.values), pc.is_null(read))
        lost = _total(pc.fill_null(distinct.spread(bad), False)) if _total(bad) else 0
        example = distinct.values.filter(bad)[0].as_py() if lost else None
        values = distinct.spread(read)
    else:
        values, lost, example = _read_typed(column, field.kind)
    said = _judge_lost(field, lost, example, rows=len(column), filled=len(values) - values.null_count + lost)
    return values, said + _said_of_infinities(column, field.name)


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
        f"Column {field.name!r}: {lost} of {rows} rows are not {word} (such as {example!r}) "
        "and count as missing."
    ]


def _said_of_infinities(column: pa.ChunkedArray, name: str) -> list[str]:
    if not pa.types.is_floating(column.type):
        return []
    infinite = _total(pc.fill_null(pc.is_inf(column), False))
    if not infinite:
        return []
    return [f"Column {name!r}: {infinite} of {len(column)} rows are infinite and count as missing."]


def _total(truths: pa.Array | pa.ChunkedArray) -> int:
    return int(pc.sum(truths).as_py() or 0)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Undo dictionaries and string flavours."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    flavour = column.type
    if pa.types.is_large_string(flavour) or pa.types.is_string_view(flavour) or pa.types.is_null(flavour):
        column = column.cast(pa.string())
    return column


def _trimmed(text: pa.Array, markers: tuple[str, ...]) -> pa.Array:
    text = pc.utf8_trim_whitespace(text)
    gone = pc.is_in(text, value_set=pa.array(markers, pa.string()))
    return pc.if_else(gone, pa.scalar(None, pa.string()), text)


def _as_text(column: pa.ChunkedArray, markers: tuple[str, ...]) -> pa.ChunkedArray:
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
    if not _total(odd):
        return text
    text = pc.replace_substring_regex(text, r"^(-?\d+)\.0*$", r"\1")
    text = pc.replace_substring_regex(text, r"^-(0+)$", r"\1")
    text = pc.replace_substring_regex(text, r"^(?:True|TRUE)$", "true")
    return pc.replace_substring_regex(text, r"^(?:False|FALSE)$", "false")


def _read_typed(column: pa.ChunkedArray, kind: Kind) -> tuple[pa.ChunkedArray, int, object]:
    """Cast a column that is not text; return it with the number of rows lost and one of them."""
    wanted = pa.timestamp("us") if kind is Kind.TIME else pa.float64()
    if (kind is Kind.TIME) is not _is_instant(column.type):
        valid = column.drop_null()
        empty = pa.chunked_array([pa.nulls(len(column), wanted)])
        return empty, len(valid), valid[0].as_py() if len(valid) else None
    if kind is Kind.TIME:
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            column = column.cast(pa.timestamp("us", "UTC"), safe=False)
        return column.cast(wanted, safe=False), 0, None
    return _finite(column.cast(wanted, safe=False)), 0, None


def _is_instant(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _parse_text(text: pa.Array, field: Field) -> pa.Array:
    if field.kind is Kind.NUMBER:
        return _parse_numbers(text, field.number_format)
    # a model fitted on typed times also reads the one way of writing them that cannot be misread
    return _parse_times(text, field.time_format or ISO_8601, field.century_pivot)


_NUMBER_PATTERNS = {
    NumberFormat.PLAIN: r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$",
    # groups of two are those of India: 1,00,000
    NumberFormat.US: r"^[+-]?(\d{1,3}(,\d{2,3})*,\d{3}|\d*)(\.\d*)?([eE][+-]?\d+)?$",
    NumberFormat.EUROPEAN: r"^[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d*)?([eE][+-]?\d+)?$",
}


def _parse_numbers(text: pa.Array, fmt: NumberFormat) -> pa.Array:
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
    text = pc.if_else(
        pc.and_(sound, pc.match_substring_regex(text, r"\d")), text, pa.scalar(None, pa.string())
    )
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


def _parse_times(text: pa.Array, time_format: str, century_pivot: int) -> pa.Array:
    """Read times from text; a day that its month does not have (30 February) is null."""
    if time_format == ISO_8601:
        return _parse_iso(text)
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


def _parse_iso(text: pa.Array) -> pa.Array:
    """Read dates and times such as 2004-01-31, 2004-01-31 10:20 and 2004-01-31T10:20:30.25+02:00 (as UTC)."""
    parts = pc.extract_regex(text, _ISO_PATTERN)
    date = pc.strptime(pc.utf8_slice_codeunits(text, 0, 10), format="%Y-%m-%d", unit="us", error_is_null=True)
    real = pc.equal(pc.day(date), pc.struct_field(parts, "day").cast(pa.int64()))
    zoned = pc.fill_null(pc.not_equal(pc.struct_field(parts, "zone"), ""), False)
    text = pc.if_else(pc.fill_null(real, False), text, pa.scalar(None, pa.string()))
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1")  # times are kept in microseconds
    local = pc.if_else(zoned, pa.scalar(None, pa.string()), text).cast(pa.timestamp("us"))
    if not _total(zoned):
        return local
    utc = pc.if_else(zoned, text, pa.scalar(None, pa.string())).cast(pa.timestamp("us", "UTC"))
    return pc.coalesce(local, utc.cast(pa.timestamp("us")))


# -------------------------------------------------------------------------------------- inference

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
        values = _trimmed(counted.field("values"), markers)
        filled = pc.is_valid(values)
        return cls(values.filter(filled), counted.field("counts").filter(filled))

    @property
    def rows(self) -> int:
        return _total(self.counts)

    def share_read(self, read: pa.Array) -> float:
        """Share of the filled rows that a reader could read."""
        return _total(self.counts.filter(pc.is_valid(read))) / max(self.rows, 1)


def _sample_of(column: pa.ChunkedArray, markers: tuple[str, ...]) -> _Counted:
    """Count a few thousand rows drawn at random (always the same ones)."""
    drawn = np.sort(np.random.default_rng(0).integers(0, len(column), SAMPLE_ROWS))
    return _Counted.of(column.take(pa.array(drawn)), markers)


def _infer_field(column: pa.ChunkedArray, name: str, markers: tuple[str, ...], kind: Kind | None) -> Field:
    column = _plain(column)
    if kind in (Kind.CATEGORY, Kind.TEXT):
        return Field(name=name, kind=kind)
    if not pa.types.is_string(column.type):
        return _infer_typed(column, name, kind)
    sample = _sample_of(column, markers) if len(column) > 4 * SAMPLE_ROWS else None
    if sample is None or sample.rows < SAMPLE_ROWS // 16:  # too few filled rows to judge by
        sample = _Counted.of(column, markers)
    numbers = (
        list(NumberFormat) if kind is Kind.NUMBER else _plausible(sample, list(NumberFormat), _parse_numbers)
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
    fmt, share = _best(counted, numbers, _parse_numbers) if numbers else (NumberFormat.PLAIN, 0.0)
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
    if _is_instant(given):
        zone = given.tz if pa.types.is_timestamp(given) else None
        return Field(name=name, kind=Kind.TIME, note=f"times of the zone {zone}, kept as UTC" if zone else "")
    if pa.types.is_integer(given) or pa.types.is_floating(given) or pa.types.is_decimal(given):
        return Field(name=name, kind=kind or Kind.NUMBER)
    raise InputError(
        f"Column {name!r} holds values of the type {given} in its {len(column)} rows, which is neither a "
        "number, a text, a truth value nor a time; turn it into one of these or leave it out."
    )


def _infer_time(column: pa.ChunkedArray, name: str, markers: tuple[str, ...], *, required: bool) -> Field:
    """Infer a column that is said to be a time; refuse it if it is not."""
    column = _plain(column)
    if _is_instant(column.type):
        return _infer_typed(column, name, Kind.TIME)
    counted = _Counted.of(_as_text(column, markers), markers)
    time_format, share = _best(counted, [YEAR, *TIME_FORMATS], _parse_any_time)
    if share == 0:
        example = f"such as {counted.values[0].as_py()!r}" if counted.rows else "all of them are empty"
        raise InputError(
            f"Column {name!r} was named as the time, but none of its {len(column)} rows reads as a time "
            f"({example}); name another column or write the dates as 2004-01-31."
        )
    if required and share < 1:
        unread = pc.is_null(_parse_any_time(counted.values, time_format))
        lost, other = _total(counted.counts.filter(unread)), counted.values.filter(unread)[0].as_py()
        raise InputError(
            f"Column {name!r} holds times in more than one format: {counted.rows - lost} rows read as "
            f"{time_format!r}, but {lost} do not, such as {other!r}; write all of them in one format."
        )
    return Field(
        name=name, kind=Kind.TIME, time_format=time_format, note=_time_note(counted, time_format, share)
    )


def _parse_any_time(text: pa.Array, time_format: str) -> pa.Array:
    return _parse_times(text, time_format, Field.model_fields["century_pivot"].default)


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
    plain = _parse_numbers(counted.values, NumberFormat.PLAIN)
    dirty = counted.values.filter(pc.is_null(plain))
    read = _parse_numbers(dirty, fmt)
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
    if "%y" in time_format:
        note += (
            f"; two-digit years after {Field.model_fields['century_pivot'].default} are of the century before"
        )
    return note


def _swap_day_and_month(time_format: str) -> str:
    swap = {"%d": "%m", "%m": "%d"}
    return re.sub("%[dm]", lambda found: swap[found.group()], time_format)


# ------------------------------------------------------------------------------------------ words


def _listed(names: Iterable[str], most: int = 12) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(n) for n in names[:most]) + more


def _columns(names: list[str]) -> str:
    return f"Column{'s' if len(names) > 1 else ''} {_listed(names)}"


def _are(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _them(names: list[str]) -> str:
    return "them" if len(names) > 1 else "it"
