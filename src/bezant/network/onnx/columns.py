"""From typed columns to numbers and codes, as :class:`bezant.network.fields.encoding.Encoding` does it."""

from __future__ import annotations

import numpy as np

from bezant.network.fields.encoding import (
    FIRST_KNOWN,
    LARGEST,
    MICROSECONDS_A_DAY,
    MISSING,
    UNKNOWN,
    CodeColumn,
    Encoding,
    NumberColumn,
)
from bezant.network.onnx.graph import Graph
from bezant.schema import Kind, Schema
from bezant.types import InputError

NO_TIME = np.iinfo(np.int64).min
"""A time that is missing; NumPy's NaT, read as an integer, is the same."""

TYPES = {Kind.NUMBER: "float64", Kind.TIME: "int64", Kind.CATEGORY: "string", Kind.TEXT: "string"}
"""What a column comes as: NaN, :data:`NO_TIME` or the empty text where it is missing."""

FIRST_DAY = 719_468
"""Days from 1 March of the year 0 to 1 January 1970."""

DAYS_OF_400_YEARS = 146_097


def read_columns(graph: Graph, encoding: Encoding, schema: Schema, types: dict[str, str]) -> tuple[str, str]:
    """Declare the columns a model reads and return its numbers (rows, P) and codes (rows, C)."""
    columns = {name: graph.input(name, kind) for name, kind in types.items()}
    for field in schema.fields:
        if field.kind is Kind.NUMBER and field.name in columns:
            columns[field.name] = _finite(graph, columns[field.name])
    numbers = [_number(graph, columns, column, encoding.time) for column in encoding.numbers]
    codes = [_codes(graph, columns[code.field], code) for code in encoding.codes]
    return _side_by_side(graph, numbers, np.float32), _side_by_side(graph, codes, np.int64)


def column_types(encoding: Encoding, schema: Schema, *, timed: bool = False) -> dict[str, str]:
    """Return the type of every column a model reads: "float64", "int64" or "string"."""
    read = {number.field for number in encoding.numbers} | {code.field for code in encoding.codes}
    timed = timed or any(column.part == "days" for column in encoding.numbers)
    if timed and schema.time is not None:
        read.add(schema.time)
    return {field.name: TYPES[field.kind] for field in schema.fields if field.name in read}


def _side_by_side(graph: Graph, columns: list[str], dtype: type) -> str:
    if not columns:
        return ""
    axis = graph.constant([1], np.int64)
    parts = [graph.add("Unsqueeze", graph.cast(column, dtype), axis) for column in columns]
    return graph.add("Concat", *parts, axis=1)


def _number(graph: Graph, columns: dict[str, str], column: NumberColumn, time: str | None) -> str:
    values = columns[column.field]
    if column.part != "value":
        values = _of_time(graph, columns, column, time)
    low, high = (graph.constant(bound, np.float64) for bound in (-LARGEST, LARGEST))
    clipped = graph.add("Clip", values, low, high)  # what it makes of NaN is not said by the standard
    return graph.add("Where", graph.add("IsNaN", values), graph.constant(np.nan, np.float64), clipped)


def _finite(graph: Graph, values: str) -> str:
    """An infinite number is a missing one."""
    largest = graph.constant(np.finfo(np.float64).max, np.float64)
    endless = graph.add("Greater", graph.add("Abs", values), largest)
    return graph.add("Where", endless, graph.constant(np.nan, np.float64), values)


def _of_time(graph: Graph, columns: dict[str, str], column: NumberColumn, time: str | None) -> str:
    stamps = columns[column.field]
    gone = _no_time(graph, stamps)
    if column.part == "days":
        values = _days_and_part(graph, stamps)
        if time is not None:
            values = graph.add("Sub", _days_and_part(graph, columns[time]), values)
            gone = graph.add("Or", gone, _no_time(graph, columns[time]))
    else:
        day = _whole_days(graph, stamps)
        whole = _month(graph, day) if column.part == "month" else _weekday(graph, day)
        values = graph.cast(whole, np.float64)
    return graph.add("Where", gone, graph.constant(np.nan, np.float64), values)


def _no_time(graph: Graph, stamps: str) -> str:
    return graph.add("Equal", stamps, graph.constant(NO_TIME, np.int64))


def _days_and_part(graph: Graph, stamps: str) -> str:
    return graph.add("Div", graph.cast(stamps, np.float64), graph.constant(MICROSECONDS_A_DAY, np.float64))


def _whole_days(graph: Graph, stamps: str) -> str:
    """Days since 1970, rounded down: integer division would round towards 1970."""
    a_day = graph.constant(MICROSECONDS_A_DAY, np.int64)
    known = graph.add("Where", _no_time(graph, stamps), graph.constant(0, np.int64), stamps)
    return graph.add("Div", graph.add("Sub", known, graph.add("Mod", known, a_day)), a_day)


def _weekday(graph: Graph, day: str) -> str:
    """Monday is 0; the first of January 1970 was a Thursday."""
    return graph.add("Mod", graph.add("Add", day, graph.constant(3, np.int64)), graph.constant(7, np.int64))


def _month(graph: Graph, day: str) -> str:
    """Month, 1 to 12, of a Gregorian day (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").

    Years begin in March, so that the leap day is the last; months are then fifths of 153 days.
    """

    def whole(value: int) -> str:
        return graph.constant(value, np.int64)

    def divided(value: str, by: int) -> str:
        return graph.add("Div", value, whole(by))

    day = graph.add("Mod", graph.add("Add", day, whole(FIRST_DAY)), whole(DAYS_OF_400_YEARS))
    leaps = graph.add("Sub", divided(day, 1460), divided(day, 36_524))
    leaps = graph.add("Add", leaps, divided(day, DAYS_OF_400_YEARS - 1))
    year = divided(graph.add("Sub", day, leaps), 365)
    before = graph.add(
        "Sub", graph.add("Add", graph.add("Mul", year, whole(365)), divided(year, 4)), divided(year, 100)
    )
    of_year = graph.add("Sub", day, before)
    fifths = graph.add("Add", graph.add("Mul", of_year, whole(5)), whole(2))
    from_march = divided(fifths, 153)
    return graph.add("Add", graph.add("Mod", graph.add("Add", from_march, whole(2)), whole(12)), whole(1))


def _codes(graph: Graph, column: str, code: CodeColumn) -> str:
    places = np.arange(FIRST_KNOWN, code.size, dtype=np.int64)
    if code.values:
        found = graph.looked_up(column, np.asarray(code.values, np.float64), places, UNKNOWN)
        return graph.add("Where", graph.add("IsNaN", column), graph.constant(MISSING, np.int64), found)
    if "" in code.texts:
        raise InputError(
            f"Column {code.field!r} has the empty text as one of its values, but in an ONNX model the empty "
            "text is a missing one; make '' a missing marker of the schema and fit again."
        )
    keys = np.array(["", *code.texts], dtype=object)
    return graph.looked_up(column, keys, np.array([MISSING, *places], np.int64), UNKNOWN)
