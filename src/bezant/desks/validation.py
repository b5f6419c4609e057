"""What the validation report of a credit model shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from bezant.desks.record import FitRecord
from bezant.evidence.checks import CheckReport
from bezant.evidence.evaluation import Evaluation
from bezant.evidence.importance import permutation_importance
from bezant.network.scoring import TableModel
from bezant.reports import CalibrationChoice, Finding, LearningCurve, ReportContent, Severity
from bezant.training.loop import TrainingRun
from bezant.types import AnyArray, FloatArray, InputError


def validation_content(
    *,
    title: str,
    created: str | None,
    evaluation: Evaluation,
    table: pa.Table,
    events: FloatArray,
    times: AnyArray | None,
    model: TableModel,
    calibration: Mapping[str, float],
    check: CheckReport,
    runs: tuple[TrainingRun, ...],
    record: FitRecord,
    notes: tuple[str, ...],
) -> ReportContent:
    """Gather everything the report shows; the importance of the columns is computed here.

    Parameters
    ----------
    table : pyarrow.Table
        The typed test rows.
    events : float64 array, shape (n,)
        Their outcomes.
    calibration : mapping of str to float
        Held-out log loss of each method of calibration; empty if there were no held-out rows.
    """
    importance = permutation_importance(
        model, table, events, columns=[f.name for f in model.schema.inputs], metric="roc_auc"
    )
    method = model.calibrator.method
    return ReportContent(
        title=title,
        created=created or datetime.now(UTC).replace(microsecond=0, tzinfo=None).isoformat(),
        evaluation=evaluation,
        data=record.summary,
        times=times,
        findings=tuple(Finding(Severity(f.severity), f.sentence) for f in check.findings),
        importance=importance.to_table(),
        learning=_learning(runs, record.summary.rows),
        calibration=CalibrationChoice(method, calibration) if calibration else None,
        configuration=record.configuration,
        versions={**record.versions, "data SHA-256": record.data_sha256},
        notes=(*notes, *importance.notes, *evaluation.notes),
    )


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
