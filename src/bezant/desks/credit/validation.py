"""How a credit model is judged beside the traditional ones, and what its validation report shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bezant.desks.estimators.record import FitRecord
from bezant.desks.estimators.settings import ordering_times, seed_of
from bezant.evidence.evaluation import Evaluation, evaluate_scores
from bezant.evidence.importance import permutation_importance
from bezant.network.recalibration import days_of
from bezant.network.scoring import TableModel
from bezant.reports import CalibrationChoice, Finding, LearningCurve, ReportContent, Severity, write
from bezant.schema import RECORDS, Schema
from bezant.training.loop import TrainingRun
from bezant.types import AnyArray, FloatArray, InputError


def scores_of(estimator: Any, table: pa.Table, *, large: str) -> dict[str, FloatArray]:
    """Return the probabilities (n,) of the large model and of every traditional one for n rows."""
    schema: Schema = estimator.schema_
    typed, times = estimator.model_.conform(table).table, ordering_times(schema, table)
    trending = [b.name for b in estimator.benchmarks_ if b.recalibration.needs_times]
    if trending and times is None:
        raise InputError(
            f"Column {schema.time!r} is not in the table of {table.num_rows} rows, but the "
            f"recalibration of {trending[0]} follows a trend; add the column."
        )
    days = days_of(times) if trending and times is not None else None
    others = {b.name: b.score_table(typed, days) for b in estimator.benchmarks_}
    return {large: estimator.model_.score_typed(typed), **others}


def evaluate_estimator(
    estimator: Any,
    table: pa.Table,
    y: FloatArray,
    times: AnyArray | None,
    segments: Sequence[str],
    *,
    large: str,
) -> Evaluation:
    """Judge a fitted credit estimator on rows (n) with outcomes 0 or 1 (n,) and, if known, times (n,)."""
    judged = evaluate_scores(
        y,
        scores_of(estimator, table, large=large),
        large=large,
        time=times,
        segments={name: segment_of(table, name) for name in segments},
        random_state=seed_of(estimator),
    )
    return replace(judged, notes=(*judged.notes, *seen_before(estimator.record_, times)))


def write_validation(
    estimator: Any,
    path: str | Path,
    table: pa.Table,
    y: FloatArray,
    times: AnyArray | None,
    evaluation: Evaluation,
    *,
    title: str,
    created: str | None,
) -> Path:
    """Write the report of a fitted credit estimator; the importance of the columns is computed here.

    Parameters
    ----------
    estimator : CreditRisk
        Fitted.
    path : path
        File to write.
    table : pyarrow.Table of n rows
        The test rows, as they were given.
    y, times : arrays, shape (n,)
        Their outcomes, 0 or 1, and their times if they have any.
    evaluation : Evaluation
        Of these rows.
    title, created : str
        Heading, and the moment to print; now if None.

    Raises
    ------
    InputError
        If the evaluation is of other rows.
    """
    if len(evaluation.y) != len(y) or not np.array_equal(evaluation.y, y):
        raise InputError(
            f"The evaluation is of {len(evaluation.y)} other rows than the {len(y)} given; leave it out."
        )
    model: TableModel = estimator.model_
    record: FitRecord = estimator.record_
    columns = [f.name for f in model.schema.inputs]
    if model.schema.records is not None:  # all of a row's records are exchanged for those of another
        columns.append(RECORDS)
    importance = permutation_importance(
        model,
        model.conform(table).table,
        y,
        columns=columns,
        metric="roc_auc",
    )
    losses = estimator.calibration_
    content = ReportContent(
        title=title,
        created=created or datetime.now(UTC).replace(microsecond=0, tzinfo=None).isoformat(),
        evaluation=evaluation,
        data=record.summary,
        times=times,
        findings=tuple(Finding(Severity(f.severity), f.sentence) for f in estimator.check_.findings),
        importance=importance.to_table(),
        learning=_learning(estimator.history_, record.summary.rows),
        calibration=CalibrationChoice(model.calibrator.method, losses) if losses else None,
        configuration=record.configuration,
        versions={**record.versions, "data SHA-256": record.data_sha256},
        notes=(*estimator.notes_, *importance.notes, *evaluation.notes),
    )
    return write(content, Path(path))


def _learning(runs: tuple[TrainingRun, ...], rows: int) -> LearningCurve | None:
    """Return the curve of the run that was judged epoch by epoch; None if no run was."""
    judged = [e for e in runs[0].epochs if e.held_out_loss is not None] if runs else []
    if not judged or runs[0].best_epoch < 1:
        return None
    refitted = len(runs) > 1 and runs[1].ended != "interrupted"  # an interrupted one is not delivered
    return LearningCurve(
        np.array([e.number for e in judged]),
        np.array([e.train_loss for e in judged]),
        np.array([e.held_out_loss for e in judged], np.float64),
        runs[0].best_epoch,
        refit_rows=rows if refitted else None,
    )


def seen_before(record: FitRecord, times: AnyArray | None) -> tuple[str, ...]:
    """Say so if outcomes of rows to judge (n) may have been used before, to train or to calibrate."""
    period, until = record.summary.period, record.used_until
    if times is None or period is None or until is None:
        return ()
    days = times.astype("datetime64[D]")
    inside = int((days <= np.datetime64(period[1])).sum())
    after = int((days <= np.datetime64(until)).sum()) - inside
    trained = (
        f"{inside} of the {len(times)} rows judged are from the training period, which ended on {period[1]}; "
        "if the model was trained on them, these figures flatter it.",
    )
    calibrated = (
        f"{after} of the {len(times)} rows judged are later than the training period, which ended on "
        f"{period[1]}, but not than {until}, until when outcomes have calibrated the model; if theirs did, "
        "these figures flatter it.",
    )
    return (*(trained if inside else ()), *(calibrated if after else ()))


def segment_of(table: pa.Table, name: str) -> AnyArray:
    """Return the values of a column to give figures by, as texts (n,)."""
    if name not in table.column_names:
        raise InputError(f"There is no column {name!r} to give figures by; name one of the table's columns.")
    values = table[name].cast(pa.string()).to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=object)
