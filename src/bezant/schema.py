"""What a column means: its kind, its role, how its text is read; inferred, checked, saved as JSON.

A :class:`Schema` is the contract between the rows a user has and the arrays a network reads. It is
inferred once (:func:`infer_schema`), may be edited (:meth:`Schema.with_role`,
:meth:`Schema.with_kind`), travels inside every saved model, and turns any later table into the same
typed columns (:meth:`Schema.conform`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, model_validator

from bezant.types import InputError

DEFAULT_MISSING_MARKERS = (
    "", "NA", "N/A", "na", "n/a", "NaN", "nan", "None", "none", "NULL", "null", "<NA>", "NaT",
    "inf", "-inf", "Inf", "-Inf", "infinity", "-infinity", "?", "#N/A",
)  # fmt: skip
"""Texts that mean "not known"; compared after trimming white space."""

TIME_FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ",
    "%Y/%m/%d", "%d-%b-%y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y",
    "%m/%d/%y", "%d/%m/%y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%d-%m-%Y", "%m-%d-%Y", "%b-%Y",
    "%b-%y", "%Y-%m", "%Y%m%d",
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
        ``strptime`` format of a TIME that comes as text; ``"year"`` for whole numbers such as 1997.
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
        extra = [n for n in table.column_names if n not in self.names]
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
        If a named column does not exist, names repeat, or the time column cannot be read as times.
    """
    refuse_duplicate_names(table.column_names)
    roles = dict.fromkeys(ignore, Role.IGNORED) | dict.fromkeys(identifiers, Role.IDENTIFIER)
    roles |= {n: r for n, r in ((target, Role.TARGET), (time, Role.TIME)) if n is not None}
    for name in [*roles, *(kinds or {})]:
        if name not in table.column_names:
            raise unknown_column(name, table.column_names)
    fields = []
    for name in table.column_names:
        role = roles.get(name, Role.INPUT)
        kind = (kinds or {}).get(name)
        if role is Role.TIME:
            field = _infer_time(table[name], name, missing_markers, required=True)
        elif kind is Kind.TIME:
            field = _infer_time(table[name], name, missing_markers, required=False)
        else:
            field = _infer_field(table[name], name, missing_markers, kind)
        fields.append(field.model_copy(update={"role": role}))
    return Schema(fields=tuple(fields), missing_markers=missing_markers)


def refuse_duplicate_names(names: Iterable[str]) -> None:
    """Raise an :class:`InputError` if a column name stands more than once."""
    names = list(names)
    twice = sorted({n for n in names if names.count(n) > 1})
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


def _read_column(
    column: pa.ChunkedArray, field: Field, markers: tuple[str, ...]
) -> tuple[pa.ChunkedArray, list[str]]:
    """Return the column as its kind's Arrow type, and what there is to say about it."""
    column = _plain(column)
    filled = len(column) - column.null_count
    if field.kind is Kind.NUMBER:
        values = _as_number(column, field.number_format, markers)
    elif field.kind is Kind.TIME:
        values = _as_time(column, field, markers)
    else:
        return _as_text(column, markers), []
    lost = (filled - _count_markers(column, markers)) - (len(values) - values.null_count)
    if not lost:
        return values, []
    example = _first_lost(column, values, markers)
    word = "a number" if field.kind is Kind.NUMBER else "a time"
    if lost > UNREADABLE_TOLERANCE * max(filled, 1):
        how = f" in the format {field.time_format!r}" if field.kind is Kind.TIME and field.time_format else ""
        raise InputError(
            f"Column {field.name!r} should hold {word}{how}, but {lost} of {len(column)} rows hold "
            f"something else, such as {example!r}; mend those rows or leave them empty."
        )
    said = f"Column {field.name!r}: {lost} of {len(column)} rows are not {word} (such as {example!r})"
    return values, [said + " and count as missing."]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Undo dictionaries and string flavours."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    return column


def _trimmed(column: pa.ChunkedArray, markers: tuple[str, ...]) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(column)
    gone = pc.is_in(text, value_set=pa.array(markers, pa.string()))
    return pc.if_else(gone, pa.scalar(None, pa.string()), text)


def _count_markers(column: pa.ChunkedArray, markers: tuple[str, ...]) -> int:
    """Number of filled rows that mean "not known"."""
    if pa.types.is_string(column.type):
        gone = pc.is_in(pc.utf8_trim_whitespace(column), value_set=pa.array(markers, pa.string()))
        return int(pc.sum(pc.fill_null(pc.and_(gone, pc.is_valid(column)), False)).as_py() or 0)
    if pa.types.is_floating(column.type):
        return int(pc.sum(pc.invert(pc.is_finite(column))).as_py() or 0)
    return 0


def _first_lost(column: pa.ChunkedArray, values: pa.ChunkedArray, markers: tuple[str, ...]) -> object:
    if pa.types.is_string(column.type):
        column = _trimmed(column, markers)
    return column.filter(pc.and_(pc.is_valid(column), pc.is_null(values)))[0].as_py()


def _by_distinct_value(column: pa.ChunkedArray, read: object) -> pa.ChunkedArray:
    """Apply a costly reader to each distinct text once."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return pa.chunked_array([pc.take(read(encoded.dictionary), encoded.indices)])  # type: ignore[operator]


def _as_text(column: pa.ChunkedArray, markers: tuple[str, ...]) -> pa.ChunkedArray:
    if pa.types.is_floating(column.type):  # whole numbers lose their ".0", so 3.0 and "3" are one category
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))
        if pc.all(pc.equal(column, pc.trunc(column))).as_py() and column.null_count < len(column):
            column = column.cast(pa.int64(), safe=False)
    if not pa.types.is_string(column.type):
        try:
            column = column.cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            column = pa.chunked_array([pa.array([None if v is None else str(v) for v in column.to_pylist()])])
            column = column.cast(pa.string())
    return _trimmed(column, markers)


def _as_number(column: pa.ChunkedArray, fmt: NumberFormat, markers: tuple[str, ...]) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        text = _trimmed(column, markers)
        values = _by_distinct_value(text, lambda distinct: _parse_numbers(distinct, fmt))
    elif pa.types.is_temporal(column.type):
        return pa.chunked_array([pa.nulls(len(column), pa.float64())])
    else:
        values = column.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_finite(values), values, pa.scalar(None, pa.float64()))


def _parse_numbers(text: pa.Array, fmt: NumberFormat) -> pa.Array:
    """Read numbers from text: plain, with currency and thousands separators, or European."""
    if fmt is not NumberFormat.PLAIN:
        text = pc.replace_substring_regex(text, r"^\((.*)\)$", r"-\1")
        text = pc.replace_substring_regex(text, r"[\s$€£¥%'_]|USD|EUR|GBP", "")
        if fmt is NumberFormat.EUROPEAN:
            text = pc.replace_substring(pc.replace_substring(text, ".", ""), ",", ".")
        else:
            text = pc.replace_substring(text, ",", "")
    sound = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    text = pc.replace_substring_regex(pc.if_else(sound, text, None), r"^\+", "")
    return text.cast(pa.float64())


def _as_time(column: pa.ChunkedArray, field: Field, markers: tuple[str, ...]) -> pa.ChunkedArray:
    stamp = pa.timestamp("us")
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp("us", "UTC"), safe=False)
    if pa.types.is_temporal(column.type):
        return column.cast(stamp, safe=False)
    if not pa.types.is_string(column.type):
        column = _as_text(column, markers)
    text = _trimmed(column, markers)
    formats = field.time_format
    if formats is None:
        return pa.chunked_array([pa.nulls(len(column), stamp)])
    return _by_distinct_value(text, lambda distinct: _parse_times(distinct, formats, field.century_pivot))


def _parse_times(text: pa.Array, time_format: str, century_pivot: int) -> pa.Array:
    if time_format == "year":
        sound = pc.match_substring_regex(text, r"^(18|19|20|21)\d\d$")
        text, time_format = pc.binary_join_element_wise(pc.if_else(sound, text, None), "01-01", "-"), "%Y-%m-%d"
    elif time_format in ("%Y-%m", "%b-%Y", "%b-%y"):  # a month is its first day
        text, time_format = pc.binary_join_element_wise("01", text, "-"), f"%d-{time_format}"
    stamps = pc.strptime(text, format=time_format, unit="us", error_is_null=True)
    if "%Y" in time_format:  # strptime reads "97" as the year 97
        return pc.if_else(pc.greater_equal(pc.year(stamps), 1000), stamps, None)
    import numpy as np

    late = pc.fill_null(pc.greater(pc.year(stamps), century_pivot), False).to_numpy(zero_copy_only=False)
    values = stamps.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    months = values[late].astype("datetime64[M]")
    within = values[late] - months.astype("datetime64[us]")
    values[late] = (months - np.timedelta64(1200, "M")).astype("datetime64[us]") + within
    return pa.array(values, pa.timestamp("us"))


# -------------------------------------------------------------------------------------- inference


def _infer_field(
    column: pa.ChunkedArray, name: str, markers: tuple[str, ...], kind: Kind | None
) -> Field:
    column = _plain(column)
    if kind in (Kind.CATEGORY, Kind.TEXT):
        return Field(name=name, kind=kind)
    if not pa.types.is_string(column.type):
        return _infer_typed(column, name, kind)
    text = _trimmed(column, markers)
    distinct = pc.drop_null(pc.unique(text))
    if kind is None and len(distinct) == 0:
        return Field(name=name, kind=Kind.CATEGORY, note="every row is missing")
    fmt, share = _number_format(text, distinct)
    if kind is Kind.NUMBER or share >= 1 - UNREADABLE_TOLERANCE:
        note = "" if fmt is NumberFormat.PLAIN else f"numbers as text, read as {fmt.value} ({distinct[0].as_py()!r})"
        return Field(name=name, kind=Kind.NUMBER, number_format=fmt, note=note)
    found = _time_format(text)
    if found is not None and found[1] >= 1 - UNREADABLE_TOLERANCE:
        return Field(name=name, kind=Kind.TIME, time_format=found[0], note=found[2])
    return Field(name=name, kind=Kind.TEXT if len(distinct) > HIGH_CARDINALITY else Kind.CATEGORY)


def _infer_typed(column: pa.ChunkedArray, name: str, kind: Kind | None) -> Field:
    if pa.types.is_boolean(column.type):
        return Field(name=name, kind=kind or Kind.CATEGORY)
    if pa.types.is_temporal(column.type) and not pa.types.is_duration(column.type):
        return Field(name=name, kind=Kind.TIME)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return Field(name=name, kind=kind or Kind.NUMBER)
    raise InputError(
        f"Column {name!r} holds values of the type {column.type}, which is neither a number, a text, a truth "
        "value nor a time; turn it into one of these or leave it out."
    )


def _infer_time(column: pa.ChunkedArray, name: str, markers: tuple[str, ...], *, required: bool) -> Field:
    """Infer a column that is said to be a time; refuse it if it is not."""
    column = _plain(column)
    if pa.types.is_temporal(column.type):
        return Field(name=name, kind=Kind.TIME)
    text = _trimmed(column, markers) if pa.types.is_string(column.type) else _as_text(column, markers)
    filled = len(text) - text.null_count
    years = pc.sum(pc.match_substring_regex(text, r"^(18|19|20|21)\d\d$")).as_py() or 0
    if filled and years == filled:
        return Field(name=name, kind=Kind.TIME, time_format="year", note="whole years")
    found = _time_format(text)
    if found is None:
        example = pc.drop_null(text)[0].as_py() if filled else None
        raise InputError(
            f"Column {name!r} was named as the time, but none of its {len(text)} rows reads as a time "
            f"(such as {example!r}); name another column or write the dates as 2004-01-31."
        )
    time_format, share, note = found
    if required and share < 1:
        lost = round((1 - share) * filled)
        parsed = _parse_times(text.combine_chunks(), time_format, 2030)
        other = text.filter(pc.and_(pc.is_valid(text), pc.is_null(parsed)))[0].as_py()
        raise InputError(
            f"Column {name!r} holds times in more than one format: {filled - lost} rows read as {time_format!r}, "
            f"but {lost} do not, such as {other!r}; write all of them in one format."
        )
    return Field(name=name, kind=Kind.TIME, time_format=time_format, note=note)


def _number_format(text: pa.ChunkedArray, distinct: pa.Array) -> tuple[NumberFormat, float]:
    """Return the format that reads the largest share of the filled rows, and that share."""
    filled = max(len(text) - text.null_count, 1)
    commas = pc.sum(pc.match_substring_regex(distinct, r",")).as_py() or 0
    thousands = pc.sum(pc.match_substring_regex(distinct, r"\d,\d{3}(\D|$)")).as_py() or 0
    european = pc.sum(pc.match_substring_regex(distinct, r"\d,\d{1,2}$|\d,\d{4,}$|\.\d{3},")).as_py() or 0
    order = [NumberFormat.PLAIN, NumberFormat.US, NumberFormat.EUROPEAN]
    if commas and european > 0 and european >= thousands:
        order = [NumberFormat.PLAIN, NumberFormat.EUROPEAN]
    best = (NumberFormat.PLAIN, 0.0)
    for fmt in order:
        read = _by_distinct_value(text, lambda values, fmt=fmt: _parse_numbers(values, fmt))
        share = (len(read) - read.null_count) / filled
        if share > best[1]:
            best = (fmt, share)
    return best


def _time_format(text: pa.ChunkedArray) -> tuple[str, float, str] | None:
    """Return the format that reads most filled rows, its share, and a remark; None if none reads any."""
    counted = pc.value_counts(pc.drop_null(text))
    values, counts = counted.field("values"), counted.field("counts")
    total = pc.sum(counts).as_py() or 0
    scored: list[tuple[float, str]] = []
    for time_format in TIME_FORMATS:
        read = pc.is_valid(_parse_times(values, time_format, 2030))
        share = (pc.sum(counts.filter(read)).as_py() or 0) / max(total, 1)
        if share > 0:
            scored.append((share, time_format))
    if not scored:
        return None
    share = max(s for s, _ in scored)
    winners = [f for s, f in scored if s == share]
    note = f"times as text, read as {winners[0]}"
    if len(winners) > 1 and {winners[0].replace("m", "d"), winners[1].replace("m", "d")}.__len__() == 1:
        note += f" ({winners[1]} would read them too)"
    return winners[0], share, note


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
