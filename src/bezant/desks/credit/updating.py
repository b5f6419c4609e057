"""What an update of a credit model may learn from which rows, and what it says of itself afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.desks.credit.recalibrating import RECALIBRATED, recalibration_note
from bezant.desks.estimators.record import FitRecord, fit_record
from bezant.desks.estimators.settings import ordering_times, plan_of, seed_of
from bezant.evidence.evaluation import Evaluation, evaluate_scores
from bezant.network.recalibration import days_of
from bezant.schema import Role, Schema
from bezant.training.plan import TablePlan
from bezant.training.progress import shown
from bezant.training.updating import UpdatedTable, brief, update_table
from bezant.types import AnyArray, FloatArray, InputError, IntArray

UPDATED = "Updated with "
"""How the note of an update begins."""

ENOUGH_TO_RELEARN = 0.5
"""Vocabularies, bins and statistics are learned again from at least this share of the rows of the last fit:
fewer would say less than the old ones."""

SAID = {
    "trained": "the network trained on from the old weights was kept",
    "calibrated": "training on did not pay: the old network was kept with its calibration learned again",
    "old": "no candidate was better than the old model, which was kept as it was",
}
"""What was kept, in words."""

DROPPED = "training was interrupted and what it had learned was dropped"

SAID_INTERRUPTED = {
    "trained": "the training on all rows was interrupted, so the network trained on from the old weights was "
    "kept as it was judged: it has not learned from the {held_out} held-out rows",
    "calibrated": f"{DROPPED}: the old network was kept with its calibration learned again",
    "old": f"{DROPPED}: the old model was kept as it was",
}
"""What was kept after Ctrl-C, in words."""


@dataclass(frozen=True)
class UpdateRows:
    """Which of the rows given serve for what.

    Attributes
    ----------
    used : integer array
        Rows to learn from or to judge on.
    new : integer array
        Places within ``used`` of the rows that are later than all whose outcomes have been used before.
    held_out : integer array
        The latest of them, which judge.
    relearn : bool
        Whether vocabularies, bins and statistics are learned again.
    notes : tuple of str
        What was left out and why.
    """

    used: IntArray
    new: IntArray
    held_out: IntArray
    relearn: bool
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, y: FloatArray, times: AnyArray | None, record: FitRecord, *, share: float) -> UpdateRows:
        """Choose rows: those later than all used before are new, and the latest of them judge.

        Parameters
        ----------
        y : float64 array, shape (n,)
        times : datetime64 array, shape (n,), optional
            When each row happened; without times no row can be told to be new.
        record : FitRecord
            Of the last fit, and of the updates since.
        share : float
            Of the rows that are held out, but at most half of the new ones.

        Raises
        ------
        InputError
            If no row is new, or none can be told to be.
        """
        relearn = len(y) >= ENOUGH_TO_RELEARN * record.summary.rows
        everything = np.arange(len(y))
        period, until = record.summary.period, record.used_until
        if times is None or period is None or until is None:
            raise InputError(
                "The model was fitted without a time column, so nothing tells new rows from those it has "
                "learned from; recalibrate it, or fit again."
            )
        days, end = times.astype("datetime64[D]"), np.datetime64(period[1])
        new = days > np.datetime64(until)
        if not new.any():
            raise InputError(
                f"None of the {len(y)} rows is later than {until}, until when outcomes have been used, so "
                "none could judge an update; give newer rows."
            )
        # Rows that only judged the last update are in no statistics, so they may train.
        used = everything if relearn else everything[days > end]
        later = np.argsort(times[used], kind="stable")
        size = min(int(share * len(used)), int(new.sum()) // 2)
        held_out = later[len(later) - size :]
        old = len(y) - len(used)
        notes = (
            f"{old} rows up to {end} were left out of the update: with fewer rows than "
            f"{ENOUGH_TO_RELEARN:.0%} of the {record.summary.rows} of the last fit, its statistics of "
            "outcomes stay, and these rows may be in them.",
        )
        return cls(used, np.flatnonzero(new[used]), held_out, relearn, notes if old else ())


def refuse_records(schema: Schema) -> None:
    """Refuse to update a model that reads records.

    Raises
    ------
    InputError
        If its schema has some.
    """
    if schema.records is not None:
        raise InputError(
            "A model that reads records cannot be updated; fit it again on all rows, from a pretrained model "
            "of the records (pretrained=, --pretrained) if time is short."
        )


def update_estimator(
    estimator: Any, table: pa.Table, y: FloatArray, epochs: int | None, *, large: str
) -> None:
    """Update a fitted estimator of a probability in place; its ``update`` says what that means.

    Parameters
    ----------
    estimator : CreditRisk
        Fitted.
    table : pyarrow.Table of n rows
        As they were given.
    y : float64 array, shape (n,)
        Outcomes, 0 or 1.
    epochs : int, optional
        Passes over the rows.
    large : str
        The large model's name in tables.
    """
    if epochs is not None and (isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 0):
        raise InputError(f"epochs is a whole number from 0 on or None, not {epochs!r}; give 3, say.")
    schema: Schema = estimator.schema_
    times = ordering_times(schema, table)
    if schema.time is not None and (times is None or bool(np.isnat(times).any())):
        raise InputError(
            f"Column {schema.time!r} orders the rows and is missing in rows to update with; fill it in."
        )
    if epochs == 0:
        return
    seed = seed_of(estimator)
    rows = UpdateRows.of(y, times, estimator.record_, share=estimator.holdout)
    conformed = schema.conform(table, roles=[Role.INPUT, Role.TIME])
    typed = conformed.table.take(rows.used)
    y, times = y[rows.used], None if times is None else times[rows.used]
    updated = update_table(
        estimator.model_,
        typed,
        y,
        rows.held_out,
        _plan(estimator, len(y), epochs, seed),
        new=rows.new,
        days=None if times is None else days_of(times),
        relearn=rows.relearn,
        shown=lambda title: shown(title, estimator.progress),
    )
    # All that takes time comes before the first change: Ctrl-C must not leave half an update.
    judged = _evaluation(estimator, updated, typed, y, times, large) if updated.log_losses else None
    estimator.record_ = updated_record(estimator.record_, updated, rows, typed, schema, y, times)
    if updated.calibration is not None:
        estimator.calibration_ = updated.calibration.log_losses
    estimator.history_ = updated.runs or estimator.history_
    if judged is not None:
        estimator.evaluation_ = judged
    estimator.model_ = updated.model
    stale = (UPDATED,) if updated.kept == "old" else (UPDATED, RECALIBRATED)
    kept = tuple(note for note in estimator.notes_ if not note.startswith(stale))
    moved = _moved_note(updated, rows, y, times)
    said = (update_note(updated, rows, y, times), *updated.notes, *moved)
    lost = tuple(f"Of the rows to update with: {note}" for note in conformed.lost)
    estimator.notes_ = (*kept, *rows.notes, *lost, *said)


def _plan(estimator: Any, rows: int, epochs: int | None, seed: int) -> TablePlan:
    """Return how the last fit prepared its rows, with how to train now."""
    plan = plan_of(estimator, "binary", seed)
    now = plan.resolved(rows)
    fitted = estimator.record_.configuration.get("plan", {})
    chosen = {k: fitted.get(k) or getattr(now, k) for k in ("statistics_from", "least_rows_a_value")}
    return now.model_copy(
        update={
            **chosen,
            "teacher": None,
            "network": plan.network,
            "training": brief(plan.training, rows, epochs),
        }
    )


def _moved_note(
    updated: UpdatedTable, rows: UpdateRows, y: FloatArray, times: AnyArray | None
) -> tuple[str, ...]:
    if not updated.recalibration:
        return ()
    held_out = rows.held_out
    when = None if times is None else times[held_out]
    return (recalibration_note(updated.model.recalibration, updated.recalibration, y[held_out], when),)


def _evaluation(
    estimator: Any,
    updated: UpdatedTable,
    typed: pa.Table,
    y: FloatArray,
    times: AnyArray | None,
    large: str,
) -> Evaluation:
    """Figures on the judging rows, beside the old model and the traditional ones as they are."""
    judging = updated.parts.judging
    before = {} if updated.kept == "old" else {f"{large} before": updated.judged["old"]}
    when = None if times is None else times[judging]
    days = None if when is None else days_of(when)
    rivals = {b.name: b.score_table(typed.take(judging), days) for b in estimator.benchmarks_}
    scores = {large: updated.answers, **before, **rivals}
    judged = evaluate_scores(y[judging], scores, large=large, time=when, random_state=seed_of(estimator))
    if not updated.recalibration:
        return judged
    moved = (
        f"The level of {large} was moved by {len(updated.parts.stopping) + len(judging)} rows, of which "
        f"these {len(judging)} are half."
    )
    return replace(judged, notes=(*judged.notes, moved))


def update_note(updated: UpdatedTable, rows: UpdateRows, y: FloatArray, times: AnyArray | None) -> str:
    """Say what was learned from which rows, what was kept, and how it compares with the old model."""
    days = None if times is None else times.astype("datetime64[D]")
    when = "" if days is None else f" from {days.min()} to {days.max()}"
    begin = f"{UPDATED}{len(y)} rows{when}, {int(y.sum())} of them events: "
    few, judging = len(rows.held_out), len(updated.parts.judging)
    if not updated.log_losses:
        return f"{begin}nothing was changed, for {few} new rows are too few to judge an update."
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in updated.log_losses.items())
    tables = "learned again" if rows.relearn else "left as they were"
    said = (SAID_INTERRUPTED if updated.interrupted else SAID)[updated.kept].format(held_out=few)
    return (
        f"{begin}{said}; log loss on {judging} of the latest rows: "
        f"{losses}; vocabularies, bins and statistics were {tables}."
    )


def updated_record(
    record: FitRecord,
    updated: UpdatedTable,
    rows: UpdateRows,
    table: pa.Table,
    schema: Schema,
    y: FloatArray,
    times: AnyArray | None,
) -> FitRecord:
    """Record until when outcomes were used and, of a network kept, rows learned from with period and hash."""
    if updated.kept == "old":
        return record
    record = record.judged(None if times is None else times[rows.held_out])
    if updated.kept != "trained":
        return record
    learned = updated.learned
    table, y, times = table.take(learned), y[learned], None if times is None else times[learned]
    given = fit_record(record.configuration, table, schema, y, times)
    before = list(record.configuration.get("updates", ()))
    step: Mapping[str, Any] = {"rows": len(y), "sha256_before": record.data_sha256}
    summary, old = given.summary, record.summary
    if not rows.relearn:  # what was learned before is still in the tables
        summary = replace(summary, rows=old.rows + summary.rows, events=old.events + summary.events)
    if old.period and summary.period:
        summary = replace(summary, period=(min(old.period[0], summary.period[0]), summary.period[1]))
    configuration = {**record.configuration, "updates": [*before, step]}
    return replace(
        given,
        configuration=configuration,
        summary=summary,
        outcome=record.outcome,
        judged_until=record.judged_until,
    )
