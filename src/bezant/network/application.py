"""One application at a time: a mapping or a text of JSON to its answer, without building a table.

What a table's reading costs, a table of one row pays too: some milliseconds. Here a value that is already
as the schema wants it is looked up at once. Any other is read as a table's column would be, by the same
code, and remembered: what a value means depends on the value alone. Errors are those of a table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import inf, nan
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from bezant.network.application_records import row_with_records
from bezant.network.batch import Batch
from bezant.network.fields.encoding import FIRST_KNOWN, LARGEST, MISSING, UNKNOWN
from bezant.network.recalibration import days_of
from bezant.network.scoring import TableModel
from bezant.schema import Field, Kind, NumberFormat, Role
from bezant.schema.values import read_column
from bezant.types import FloatArray, InputError

REMEMBERED = 10_000
"""Values of a column that are remembered once they have been read."""

WHOLE = re.compile(r"-?[0-9]+\.0*|-0+|true|false", re.IGNORECASE)
"""Texts that a column's reader may spell in another way."""

DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
"""Numbers that need no reader to be understood."""

EXACT = 2**53
"""Whole numbers up to this one are exact in double precision."""


class ApplicationScorer:
    """Scores one application at a time; make it once, it may be called from several threads.

    Parameters
    ----------
    model : TableModel
        Trained; one answer a row.

    Notes
    -----
    Answers are those of :meth:`TableModel.score_table` to within rounding (1e-6).
    """

    def __init__(self, model: TableModel) -> None:
        self._model = model
        if model.schema.records is None:
            model.folded()
        encoding = model.encoding
        roles = [Role.INPUT]
        if model.recalibration.needs_times or encoding.needs_time:
            roles.append(Role.TIME)
        self._columns = {f.name: _Column(f, model) for f in model.schema.fields if f.role in roles}

    def score(self, application: Mapping[str, Any] | str | bytes) -> float:
        """Return the calibrated answer of one application.

        Parameters
        ----------
        application : mapping, or text of a JSON object
            The value of every column the model reads, ``None`` or ``null`` where not known. Other names are
            left aside.

        Raises
        ------
        InputError
            If it is no JSON object, a column is missing, or a value cannot be read as its column's kind.
        """
        values = application if isinstance(application, Mapping) else _object(application)
        if self._model.schema.records is not None:
            return self._score_with_records(values)
        try:
            read = {name: column.read(values[name]) for name, column in self._columns.items()}
        except (KeyError, InputError):
            if any(name not in values for name in self._columns):  # comes first, and says what a table says
                self._model.conform(pa.table({str(name): pa.nulls(1) for name in values}))
            raise
        model = self._model
        answer = model.calibrator.calibrated(model.folded().predict(self._row(read)).double().numpy())
        return float(model.recalibration.apply(answer, self._days(read))[0])

    def _score_with_records(self, values: Mapping[str, Any]) -> float:
        """Score through a table of one row: reading the records takes the time, not the table."""
        return float(self._model.score_table(row_with_records(values, self._model.schema))[0])

    def _days(self, read: Mapping[str, _Value]) -> FloatArray | None:
        """The application's own time, where the recalibration follows a trend."""
        if not self._model.recalibration.needs_times:
            return None
        days = read[str(self._model.schema.time)].numbers["days"]
        if days != days:
            days_of(pa.chunked_array([pa.nulls(1, pa.timestamp("us"))]))  # says that it is missing
        return np.array([days])

    def _row(self, read: Mapping[str, _Value]) -> Batch:
        encoding = self._model.encoding
        numbers = []
        for column in encoding.numbers:
            value = read[column.field].numbers[column.part]
            if column.part == "days" and encoding.time is not None:
                value = read[encoding.time].numbers["days"] - value
            numbers.append(min(max(value, -LARGEST), LARGEST) if value == value else nan)
        codes = [read[code.field].code for code in encoding.codes]
        return Batch(torch.tensor([numbers], dtype=torch.float32), torch.tensor([codes], dtype=torch.int32))


class _Value:
    """What a column's value says: numbers by part, and its code."""

    __slots__ = ("code", "numbers")

    def __init__(self, code: int, numbers: dict[str, float]) -> None:
        self.code = code
        self.numbers = numbers


class _Column:
    """Reads one column's values."""

    def __init__(self, field: Field, model: TableModel) -> None:
        self._field = field
        self._markers = model.schema.missing_markers
        code = next((c for c in model.encoding.codes if c.field == field.name), None)
        known: tuple[Any, ...] = () if code is None else (*code.texts, *code.values)
        self._codes = {value: place for place, value in enumerate(known, FIRST_KNOWN)}
        self._texts = {v: _Value(c, {}) for v, c in self._codes.items() if isinstance(v, str)}
        self._missing = _Value(MISSING, dict.fromkeys(("value", "days", "month", "weekday"), nan))
        self._seen: dict[tuple[type, Any], _Value] = {}

    def read(self, value: Any) -> _Value:
        """Return what a value says."""
        if value is None:
            return self._missing
        kind = type(value)
        if kind is str:
            found = self._texts.get(value) or self._plain(value)
            if found is not None:
                return found
        elif self._field.kind is Kind.NUMBER and (kind is float or kind is int):
            if kind is int and not -EXACT <= value <= EXACT:
                return self._as_column(value)
            return self._number(float(value))
        try:
            seen = self._seen.get((kind, value))
        except TypeError:  # a list or an object
            raise InputError(
                f"Column {self._field.name!r} holds {value!r}, which is no single value; write a number, "
                "a text, true, false or null."
            ) from None
        return seen or self._as_column(value)

    def _plain(self, value: str) -> _Value | None:
        """Return what a text says that reads as it stands; None leaves it to the column's reader."""
        kind, field = self._field.kind, self._field
        if value in self._markers or not value.isascii() or not value.isprintable() or value.strip() != value:
            return None
        if kind is Kind.NUMBER and field.number_format is NumberFormat.PLAIN and DECIMAL.fullmatch(value):
            return self._number(float(value))
        if kind in (Kind.CATEGORY, Kind.TEXT) and not WHOLE.fullmatch(value):
            return _Value(UNKNOWN, {})  # what is known has been looked up
        return None

    def _number(self, value: float) -> _Value:
        if not -inf < value < inf:
            return self._missing
        return _Value(self._codes.get(value, UNKNOWN), {"value": value})

    def _as_column(self, value: Any) -> _Value:
        """Read a value as a table's column of one row is read."""
        try:
            column = pa.chunked_array([pa.array([value])])
        except (OverflowError, pa.ArrowInvalid):
            raise InputError(
                f"Column {self._field.name!r} holds {value!r}, which no table can hold; mend it or leave it "
                "empty."
            ) from None
        read, _ = read_column(column, self._field, self._markers)
        found = self._said(read)
        if len(self._seen) < REMEMBERED:
            self._seen[type(value), value] = found
        return found

    def _said(self, read: pa.ChunkedArray) -> _Value:
        typed = read[0]
        if not typed.is_valid:
            return self._missing
        if self._field.kind is Kind.NUMBER:
            return self._number(typed.as_py())
        if self._field.kind is Kind.TIME:
            return _Value(UNKNOWN, _parts(typed.value))
        return _Value(self._codes.get(typed.as_py(), UNKNOWN), {})


def _parts(microseconds: int) -> dict[str, float]:
    moment = np.datetime64(microseconds, "us")
    month = (moment.astype("datetime64[M]").astype(int)) % 12 + 1
    weekday = (moment.astype("datetime64[D]").astype(int) + 3) % 7  # 1 January 1970 was a Thursday
    return {"days": microseconds / 86_400_000_000, "month": float(month), "weekday": float(weekday)}


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_without_copies)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"The application is not JSON ({error}); give one object, such as {{...}}."
        ) from None
    if not isinstance(found, dict):
        raise InputError(
            f"The application is JSON, but {type(found).__name__} and no object; give one object with the "
            "columns' names and values."
        )
    return found


def _without_copies(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{twice!r} stands more than once in the application; leave one of them.")
    return found
