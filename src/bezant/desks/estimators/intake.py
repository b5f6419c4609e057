"""From what the user gives to what a network is fitted to: schema, typed rows, findings, held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.utils.validation import validate_data

from bezant.evidence.checks import CheckReport, check
from bezant.histories import read_table
from bezant.schema import RECORDS, Role, Schema, flattened, infer_schema, unknown_column
from bezant.splits import out_of_time_indices, stratified
from bezant.types import AnyArray, FloatArray, Frame, InputError, IntArray

Leaks = Literal["report", "drop", "refuse"]


@dataclass(frozen=True)
class Intake:
    """Rows that are ready to be fitted.

    Attributes
    ----------
    table : pyarrow.Table
        Typed columns: the inputs, and the ordering time.
    schema : Schema
        What they mean.
    times : datetime64 array, shape (n,), or None
        The ordering time.
    held_out : integer array
        Rows to hold out: the latest, or drawn at random where rows have no time. What the columns mean
        and which of them are left aside was decided without these rows.
    check : CheckReport
        What was found in the rows.
    notes : tuple of str
        What was left aside or replaced.
    """

    table: pa.Table
    schema: Schema
    times: AnyArray | None
    held_out: IntArray
    check: CheckReport
    notes: tuple[str, ...]


def read_rows(estimator: Any, X: Frame, *, fitting: bool, y: Any = None) -> pa.Table:
    """Return rows as a table; a plain matrix is checked as scikit-learn checks it.

    Parameters
    ----------
    estimator : scikit-learn estimator
        Whose number of columns a matrix must have, or sets when ``fitting``.
    X : frame with n rows
        Anything :func:`bezant.histories.read_table` reads, or a matrix.
    fitting : bool
        Whether the rows are to be learned from; there must then be some, and outcomes ``y``.

    Raises
    ------
    InputError
        If it cannot be read as a table, or there is nothing to learn from.
    """
    if fitting and y is None:
        name = type(estimator).__name__
        raise InputError(f"This {name} estimator requires y to be passed, but the target y is None.")
    if is_matrix(X):
        X = validate_data(estimator, X, dtype=None, ensure_all_finite="allow-nan", reset=fitting)
        if X.dtype == object and _all_numbers(X):
            X = X.astype(np.float64)
    table = read_table(X)
    if fitting and not table.num_rows:
        raise InputError("The table has no rows; give it the histories to learn from.")
    return table


def is_matrix(X: Any) -> bool:
    """Tell rows of values without names (NumPy, lists, sparse) from frames and paths."""
    if isinstance(X, list | tuple):
        return not (X and all(isinstance(part, str | Path) for part in X))
    return type(X).__module__.startswith("scipy.sparse") or (
        hasattr(X, "__array__") and not hasattr(X, "columns")
    )


def _all_numbers(X: AnyArray) -> bool:
    return all(isinstance(v, int | float | np.number) or v is None for v in X.ravel())


def take_in(
    table: pa.Table,
    y: FloatArray,
    *,
    time: str | None,
    schema: Schema | None,
    leaks: Leaks,
    seed: int,
    holdout: float = 0.15,
    held_out: IntArray | None = None,
    records: Schema | None = None,
) -> Intake:
    """Hold rows out, infer and check on the others, type all of them.

    Parameters
    ----------
    table : pyarrow.Table
        As the user gave it, without the target.
    y : float64 array, shape (n,)
        1 for the event.
    time : str, optional
        Column that orders the rows.
    schema : Schema, optional
        What the columns mean, where the user knows better.
    leaks : {"report", "drop", "refuse"}
        What to do about columns that look as if they knew the outcome.
    seed : int
        Draws the rows of the checks.
    holdout : float, default 0.15
        Share of the rows to hold out.
    held_out : integer array, optional
        Rows to hold out, where that is known.
    records : Schema, optional
        What the columns of the rows' records mean, where that is known.

    Raises
    ------
    InputError
        If there is nothing to learn from, or ``leaks`` is "refuse" and there are some.
    """
    times = times_of(table, time, schema)
    if held_out is None:
        held_out = held_out_rows(y, times, holdout, seed)
    seen = np.setdiff1d(np.arange(table.num_rows), held_out)
    known = table.take(seen)
    schema = schema or infer_schema(known, time=time)
    if records is not None:
        schema = schema.model_copy(update={"records": records})
    if time is not None and schema.time != time:
        schema = schema.with_role(Role.TIME, time)
    schema = schema.select(Role.INPUT, Role.TIME)
    conformed = schema.conform(table)
    notes = [*conformed.notes, *(f"Column {f.name!r}: {f.note}." for f in schema.fields if f.note)]
    notes.extend(_of_later_records(conformed.table, schema, leaks))
    if schema.records is not None:
        notes.extend(_said_of_rows_without_records(conformed.table[RECORDS]))
    typed = conformed.table.take(seen)
    decisive = check(typed, schema, y[seen], random_state=seed)
    report = check(conformed.table, schema, y, random_state=seed) if len(held_out) else decisive
    schema, said = _without(schema, typed, decisive, leaks)
    notes.extend(said)
    if not schema.inputs and schema.records is None:
        raise InputError(
            f"None of the {len(table.column_names)} columns can be learned from: all are constant, empty "
            "or names of rows; add columns that describe the rows."
        )
    kept = schema.select(Role.INPUT, Role.TIME)
    return Intake(conformed.table.select(list(kept.columns)), kept, times, held_out, report, tuple(notes))


def _said_of_rows_without_records(column: pa.ChunkedArray) -> list[str]:
    without = int(pc.sum(pc.equal(pc.fill_null(pc.list_value_length(column), 0), 0)).as_py() or 0)
    has = "has" if without == 1 else "have"
    return [f"{without:,} of {len(column):,} rows {has} no record."] if without else []


def held_out_rows(y: FloatArray, times: AnyArray | None, share: float, seed: int) -> IntArray:
    """Return the rows to hold out: the latest where rows have times, else drawn at random by class."""
    if times is not None and len(np.unique(times)) > 1:
        return out_of_time_indices(times, fraction=share).test
    return stratified(y, share, seed).test


def times_of(table: pa.Table, time: str | None, schema: Schema | None) -> AnyArray | None:
    """Return the ordering times, shape (n,), which are needed before anything else may be learned.

    Raises
    ------
    InputError
        If there is no such column or a time is missing.
    """
    time = time or (schema.time if schema else None)
    if time is None:
        return None
    if schema is None:
        if time not in table.column_names:
            raise unknown_column(time, table.column_names)
        schema = infer_schema(table.select([time]), time=time)
    column = schema.with_role(Role.TIME, time).select(Role.TIME).conform(table).table[time]
    if column.null_count:
        raise InputError(
            f"Column {time!r} orders the rows but is missing in {column.null_count} of {table.num_rows} "
            "rows; fill it in or leave those rows out."
        )
    return np.asarray(column.to_numpy())


def _of_later_records(table: pa.Table, schema: Schema, leaks: Leaks) -> list[str]:
    """Say, or refuse, that records are not before the moment of their row: they may tell its outcome.

    Raises
    ------
    InputError
        If there are some and ``leaks`` is "refuse".
    """
    if schema.records is None or schema.time is None or schema.records.time is None:
        return []
    offsets, flat = flattened(table)
    moments = np.repeat(table[schema.time].to_numpy(), np.diff(offsets))
    late = int((flat[schema.records.time].to_numpy() >= moments).sum())
    if not late:
        return []
    said = (
        f"{late} of {flat.num_rows} records are not before {schema.time!r} of their row and may tell its "
        f"outcome; give until={schema.time!r} to bezant.with_records."
    )
    if leaks == "refuse":
        raise InputError(said)
    return [said]


def _without(schema: Schema, table: pa.Table, report: CheckReport, leaks: Leaks) -> tuple[Schema, list[str]]:
    """Leave aside what cannot be learned from, and leaks if so wished; say each."""
    notes: list[str] = []
    for field in schema.inputs:
        distinct = pc.count_distinct(table[field.name], mode="only_valid").as_py()
        if distinct == 0 or (distinct == 1 and table[field.name].null_count == 0):
            what = "is missing in" if distinct == 0 else "has one and the same value in"
            notes.append(
                f"Column {field.name!r} {what} all {table.num_rows} training rows and was left aside."
            )
            schema = schema.with_role(Role.IGNORED, field.name)
    inputs = {f.name for f in schema.inputs}
    for finding in report.findings:
        named = [c for c in finding.columns if c in inputs]
        if finding.code == "identifier":
            schema = schema.with_role(Role.IDENTIFIER, *named)
            notes.extend(f"Column {c!r} only names its row and was left aside." for c in named)
        elif finding.severity == "refuse" and named:
            if leaks == "refuse":
                raise InputError(finding.sentence)
            if leaks == "drop":
                schema = schema.with_role(Role.IGNORED, *named)
                said = "looks as if it knew the outcome and was left aside."
                notes.extend(f"Column {c!r} {said}" for c in named)
            else:
                notes.append(finding.sentence)
    return schema, notes
