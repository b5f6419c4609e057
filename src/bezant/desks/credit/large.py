"""Fit a credit estimator to Parquet files that are larger than memory.

The files are read four times, in pieces: the outcomes and times of all rows are looked at; an excerpt is
drawn; the rows before the held-out part are encoded for a first training, and all rows for the last one.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from bezant.desks.credit.finishing import finish_fit
from bezant.desks.estimators.intake import Intake, take_in
from bezant.desks.estimators.labels import (
    as_events,
    classes_among,
    label_values,
    missing_labels,
    refuse_missing_labels,
)
from bezant.desks.estimators.settings import plan_of, seed_of, set_names
from bezant.histories import ParquetRows, parquet_rows, read_table
from bezant.schema import RECORDS, Role, Schema, infer_schema, unknown_column
from bezant.splits import out_of_time_indices
from bezant.training.loop import Observer
from bezant.training.progress import shown
from bezant.training.streamed import StreamedTable, fit_streamed, plan_for
from bezant.types import AnyArray, BoolArray, FloatArray, Frame, InputError

InMemory = bool | Literal["auto"]

IN_MEMORY_VALUES = 20_000_000
"""Parquet files of more values (rows times columns) are read in pieces: a million rows of 20 columns."""

PIECE_ROWS = 262_144
"""Rows of a piece."""

EXCERPT_ROWS = 500_000
"""About so many rows say what the columns mean and which of their values are known."""

HELD_OUT_ROWS = 200_000
"""About so many rows of the held-out part stop, judge and calibrate."""

TIMES = 2_000_000
"""The moment from which rows are held out is found among at most so many evenly taken times."""

_LABELS = 100

_Said = dict[str, dict[int, str]]
"""Notes on pieces: by what they are of, then by the number of the piece."""


def rows_to_stream(X: Any, y: Any, in_memory: InMemory) -> tuple[ParquetRows, str] | None:
    """Return the rows to read in pieces and the name of their outcome; None if they are to be read whole.

    Raises
    ------
    InputError
        If ``in_memory`` is False and the rows are not in Parquet files with a named outcome.
    """
    rows = parquet_rows(X) if isinstance(y, str) and in_memory is not True else None
    if rows is None:
        if in_memory is False:
            raise InputError(
                "in_memory=False reads Parquet files in pieces: give their path as X and the name of the "
                "column of outcomes as y."
            )
        return None
    if in_memory == "auto" and rows.rows * len(rows.columns) <= IN_MEMORY_VALUES:
        return None
    return rows, y


def with_outcomes(X: Any, y: Any) -> tuple[Any, Any]:
    """Return rows and outcomes apart, where ``y`` names a column of ``X``."""
    if not isinstance(y, str):
        return X, y
    table = pa.concat_tables(X.scan()) if isinstance(X, ParquetRows) else read_table(X)
    if y not in table.column_names:
        raise unknown_column(y, table.column_names)
    return table.drop_columns([y]), table[y]


def fit_in_pieces(risk: Any, rows: ParquetRows, target: str, *, large: str) -> None:
    """Fit a credit estimator to rows in pieces.

    Parameters
    ----------
    risk : CreditRisk
        Its fitted attributes are set.
    rows : ParquetRows
    target : str
        The column of outcomes.
    large : str
        The network's name in tables.

    Raises
    ------
    InputError
        If something about the rows prevents a fit; one sentence says what and how to mend it.
    """
    if RECORDS in rows.columns:
        raise InputError(
            f"Rows with a column {RECORDS!r} are fitted in memory only; give in_memory=True, or leave it out."
        )
    seed = seed_of(risk)
    if risk.scratch is not None and not Path(risk.scratch).is_dir():
        raise InputError(f"There is no folder {str(risk.scratch)!r} for temporary files; make it first.")
    found = survey(rows, target, risk.time, risk.schema, risk.event, risk.holdout, seed)
    table, events, held = _excerpt(found, seed)
    intake = take_in(
        table,
        events,
        time=found.time,
        schema=risk.schema,
        leaks=risk.leaks,
        seed=seed,
        held_out=np.flatnonzero(held),
    )
    said: _Said = {}
    whole = StreamedTable(
        intake.table,
        intake.schema,
        events,
        intake.held_out,
        lambda everything: _pieces(found, intake.schema, everything, said),
        len(rows),
        found.held_out_rows,
    )
    plan = plan_of(risk, "binary", seed)

    def how(title: str) -> AbstractContextManager[Observer | None]:
        return shown(title, risk.progress)

    checkpoint = Path(risk.checkpoint) if risk.checkpoint is not None else None
    with tempfile.TemporaryDirectory(prefix="bezant-", dir=risk.scratch) as folder:
        fitted = fit_streamed(whole, plan, Path(folder), shown=how, checkpoint=checkpoint)
    resolved = plan_for(plan, len(rows))
    notes = (*_notes(found, intake, resolved.training.max_epochs), *_of_pieces(said), *fitted.notes)
    finish_fit(risk, intake, events, found.classes, replace(fitted, notes=notes), resolved, large=large)
    set_names(risk, rows, table)
    summary = replace(risk.record_.summary, rows=len(rows), events=found.events, period=found.period)
    risk.record_ = replace(risk.record_, summary=summary, data_sha256=_hash_of(rows))


# ------------------------------------------------------------------------------------------- all rows


@dataclass(frozen=True)
class Survey:
    """What is known of all rows before any of them is learned from.

    Attributes
    ----------
    rows : ParquetRows
    target : str
    classes : array, shape (2,)
    events : int
        Rows of the second class.
    time : str or None
        The column that orders the rows.
    timing : Schema or None
        How it is read.
    start : datetime64 or None
        Rows from this moment on are held out; None if they are drawn at random.
    period : (str, str) or None
        First and last day.
    held_out_rows : int
    holdout : float
        The share that was asked for.
    seed : int
    """

    rows: ParquetRows
    target: str
    classes: AnyArray
    events: int
    time: str | None
    timing: Schema | None
    start: np.datetime64 | None
    period: tuple[str, str] | None
    held_out_rows: int
    holdout: float
    seed: int

    def held_out(self, piece: pa.Table, number: int) -> BoolArray:
        """Tell which rows (n,) of a piece belong to the held-out part."""
        if self.start is None or self.timing is None:
            rng = np.random.default_rng((self.seed, number))
            return np.asarray(rng.random(piece.num_rows) < self.holdout)
        return np.asarray(_times(piece, self.timing) >= self.start)


def survey(
    rows: ParquetRows,
    target: str,
    time: str | None,
    schema: Schema | None,
    event: Any,
    holdout: float,
    seed: int,
) -> Survey:
    """Look at the outcome and the time of every row.

    Raises
    ------
    InputError
        If a column is not there, outcomes or times are missing, or there are not two outcomes.
    """
    time = time or (schema.time if schema else None)
    for name in (target, time):
        if name is not None and name not in rows.columns:
            raise unknown_column(name, list(rows.columns))
    if not len(rows):
        raise InputError("The table has no rows; give it the histories to learn from.")
    counted, missing = _labels(rows, target)
    refuse_missing_labels(missing, len(rows))
    labels = sorted(counted)
    kind = object if isinstance(labels[0], str) else None
    classes = classes_among(np.array(labels, dtype=kind), len(rows), event)
    found = Survey(
        rows,
        target,
        classes,
        counted[classes.tolist()[1]],
        time,
        None,
        None,
        None,
        0,
        holdout,
        seed,
    )
    found = found if time is None else _timed(found, time, schema)
    columns = [target] if time is None else [time]
    held = sum(int(found.held_out(p, i).sum()) for i, p in enumerate(rows.scan(columns, PIECE_ROWS)))
    return replace(found, held_out_rows=held)


def _labels(rows: ParquetRows, target: str) -> tuple[dict[Any, int], int]:
    """Count the rows of each label, up to a hundred labels, and those without any."""
    counted: dict[Any, int] = {}
    missing = 0
    for piece in rows.scan([target], PIECE_ROWS):
        values = label_values(piece[target])
        gone = missing_labels(values)
        missing += int(gone.sum())
        labels, times = np.unique(values[~gone], return_counts=True)
        for label, n in zip(labels.tolist(), times.tolist(), strict=True):
            if label in counted or len(counted) < _LABELS:
                counted[label] = counted.get(label, 0) + n
    return counted, missing


def count_labels(rows: ParquetRows, target: str) -> dict[Any, int]:
    """Return the number of rows of each label of a column, up to a hundred labels."""
    if target not in rows.columns:
        raise unknown_column(target, list(rows.columns))
    return _labels(rows, target)[0]


def _timed(found: Survey, time: str, schema: Schema | None) -> Survey:
    """Find the moment from which rows are held out, and the period of all."""
    rows = found.rows
    first = next(rows.scan([time], PIECE_ROWS))
    timing = (schema or infer_schema(first, time=time)).with_role(Role.TIME, time).select(Role.TIME)
    every, taken, ends, missing, seen = -(-len(rows) // TIMES), [], [], 0, 0
    for piece in rows.scan([time], PIECE_ROWS):
        column = timing.conform(piece).table[time]
        missing += column.null_count
        times = column.drop_null().to_numpy()
        if len(times):
            taken.append(times[(-seen) % every :: every])
            ends.extend([times.min(), times.max()])
        seen += len(times)
    if missing:
        raise InputError(
            f"Column {time!r} orders the rows but is missing in {missing} of {len(rows)} rows; fill it in or "
            "leave those rows out."
        )
    times = np.concatenate(taken)
    period = (str(np.datetime64(min(ends), "D")), str(np.datetime64(max(ends), "D")))
    start = None
    if len(np.unique(times)) > 1:
        start = times[out_of_time_indices(times, fraction=found.holdout, name=time).test].min()
    return replace(found, time=time, timing=timing, start=start, period=period)


def _times(piece: pa.Table, timing: Schema) -> AnyArray:
    assert timing.time is not None
    return np.asarray(timing.conform(piece.select([timing.time])).table[timing.time].to_numpy())


# -------------------------------------------------------------------------------------- parts of them


def _excerpt(found: Survey, seed: int) -> tuple[pa.Table, FloatArray, BoolArray]:
    """Draw rows: without their target, their outcomes, and whether they are held out."""
    training = max(len(found.rows) - found.held_out_rows, 1)
    odds = np.array([EXCERPT_ROWS / training, HELD_OUT_ROWS / max(found.held_out_rows, 1)])
    rng = np.random.default_rng(seed)
    parts, flags = [], []
    for number, piece in enumerate(found.rows.scan(None, PIECE_ROWS)):
        held = found.held_out(piece, number)
        drawn = rng.random(len(held)) < odds[held.astype(int)]
        parts.append(piece.filter(pa.array(drawn)))
        flags.append(held[drawn])
    table = pa.concat_tables(parts).combine_chunks()
    return table.drop_columns([found.target]), _events(table, found), np.concatenate(flags)


def _pieces(
    found: Survey, schema: Schema, everything: bool, said: _Said
) -> Iterator[tuple[pa.Table, FloatArray]]:
    """Yield typed rows with their outcomes; what had to be said of a piece is added to ``said``."""
    columns = list(dict.fromkeys([*schema.names, found.target, *([found.time] if found.time else [])]))
    first = 1
    for number, piece in enumerate(found.rows.scan(columns, PIECE_ROWS)):
        where = f"Rows {first} to {first + piece.num_rows - 1}: "
        first += piece.num_rows
        if not everything:
            piece = piece.filter(pa.array(~found.held_out(piece, number)))
        try:
            conformed = schema.conform(piece.select(list(schema.names)))
        except InputError as error:
            raise InputError(where + str(error)) from error
        for note in conformed.notes:
            said.setdefault(note.split(":")[0], {}).setdefault(number, where + note)
        yield conformed.table, _events(piece, found)


def _of_pieces(said: _Said) -> tuple[str, ...]:
    """Return the first note of each kind, and in how many further pieces there was its like."""
    return tuple(
        f"{next(iter(notes.values()))}"
        + (f" (So in {len(notes) - 1} further pieces.)" if len(notes) > 1 else "")
        for notes in said.values()
    )


def _events(piece: pa.Table, found: Survey) -> FloatArray:
    return as_events(label_values(piece[found.target]), found.classes)


def _hash_of(rows: ParquetRows) -> str:
    """Return the SHA-256 of the files, one after another."""
    digest = hashlib.sha256()
    for path in rows.files:
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def _notes(found: Survey, intake: Intake, epochs: int | None) -> tuple[str, ...]:
    held, drawn = len(intake.held_out), len(intake.table)
    which = "drawn at random" if found.start is None else f"from {found.start.astype('datetime64[D]')} on"
    return (
        f"The {len(found.rows):,} rows were read in pieces. Statistics of outcomes are of all rows to learn "
        "from; what the columns mean, which values are known, bins and pairs were learned from a random draw "
        f"of at most {EXCERPT_ROWS:,} rows. The hash of the data is that of the files.",
        f"{held:,} of the {found.held_out_rows:,} held-out rows ({which}) stopped, judged and calibrated.",
        f"Training passed over the rows at most {epochs} times. Traditional models, if any, were fitted to "
        f"these and the {drawn - held:,} rows drawn for learning.",
    )


def is_large(source: Frame) -> bool:
    """Tell whether Parquet files would be read in pieces."""
    rows = parquet_rows(source)
    return rows is not None and rows.rows * len(rows.columns) > IN_MEMORY_VALUES
