"""What a validation report shows, as one frozen value that checks itself; the desk fills it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
import pyarrow as pa

from bezant.evidence.evaluation import Evaluation
from bezant.types import AnyArray, FloatArray, InputError

IMPORTANCE_COLUMNS = ("column", "importance", "low", "high")
"""Columns that :attr:`ReportContent.importance` must have."""


class Severity(StrEnum):
    """How much a finding matters; the same words as :data:`bezant.evidence.checks.Severity`."""

    REFUSE = "refuse"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was seen in the data or the fit.

    Attributes
    ----------
    severity : Severity
        How much it matters.
    sentence : str
        What was found, in one plain sentence.
    """

    severity: Severity
    sentence: str


@dataclass(frozen=True)
class ColumnSummary:
    """One column of the training table.

    Attributes
    ----------
    name, kind, role : str
        As in the schema.
    missing_share : float
        Share of the rows without a value, 0 to 1.
    distinct : int
        Number of distinct values.
    note : str, default ""
        What was recognised or decided about the column.
    """

    name: str
    kind: str
    role: str
    missing_share: float
    distinct: int
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.missing_share <= 1:
            raise InputError(
                f"Column {self.name!r} has a missing share of {self.missing_share!r}; give 0 to 1."
            )


@dataclass(frozen=True)
class DataSummary:
    """The table the model was trained on.

    Attributes
    ----------
    rows, events : int
        Number of rows, and of those that defaulted.
    period : tuple of two str, or None
        First and last time as ISO dates; None if the table has no time column.
    columns : tuple of ColumnSummary
        One entry a column, in the table's order.
    """

    rows: int
    events: int
    period: tuple[str, str] | None = None
    columns: tuple[ColumnSummary, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.events <= self.rows:
            raise InputError(
                f"The data summary counts {self.events} defaults in {self.rows} rows; count again."
            )


@dataclass(frozen=True)
class LearningCurve:
    """How training went, one entry an epoch.

    Attributes
    ----------
    epoch : (e,) array of int
        Number of the epoch.
    train_loss : (e,) array of float
        Mean log loss of the training steps.
    validation_loss : (e,) array of float
        Log loss on the held-out rows after recalibration (best shift and slope of log-odds).
    best_epoch : int
        The epoch that was best on the held-out rows.
    validation_auc : (e,) array of float, optional
        ROC-AUC on the held-out rows, where it was measured.
    refit_rows : int, optional
        Rows, held-out ones too, on which the delivered model was then trained again for
        ``best_epoch`` epochs; None if the weights of that epoch are the delivered ones.
    """

    epoch: AnyArray
    train_loss: FloatArray
    validation_loss: FloatArray
    best_epoch: int
    validation_auc: FloatArray | None = None
    refit_rows: int | None = None

    def __post_init__(self) -> None:
        measured = (self.train_loss, self.validation_loss, self.validation_auc)
        lengths = {len(values) for values in measured if values is not None}
        if lengths != {len(self.epoch)}:
            raise InputError(
                f"The learning curve has {len(self.epoch)} epochs but losses of the lengths "
                f"{sorted(lengths)}; give one value an epoch."
            )
        if self.best_epoch not in np.asarray(self.epoch):
            raise InputError(
                f"The best epoch {self.best_epoch} is not among the {len(self.epoch)} epochs of the learning "
                "curve; name one of them."
            )


@dataclass(frozen=True)
class CalibrationChoice:
    """How probabilities were calibrated.

    Attributes
    ----------
    method : str
        The method that was kept.
    held_out_log_loss : mapping of str to float
        Log loss of every candidate on rows that neither the network nor the candidate was fitted on.
    """

    method: str
    held_out_log_loss: Mapping[str, float]

    def __post_init__(self) -> None:
        if self.method not in self.held_out_log_loss:
            raise InputError(
                f"The calibration method {self.method!r} has no held-out log loss; give one a candidate."
            )


@dataclass(frozen=True)
class ReportContent:
    """Everything a validation report shows.

    Attributes
    ----------
    title : str
        Heading of the report.
    created : str
        Moment of the report in ISO form; passed in, so that the same content gives the same bytes.
    evaluation : Evaluation
        Scores, figures and comparisons on the n test rows; names the large model.
    data : DataSummary
        The training table.
    times : (n,) array of datetime64, optional
        Times of the test rows; without them the report has no figures by period and says so.
    findings : tuple of Finding, default ()
        What was found before and during the fit.
    importance : pyarrow.Table, optional
        Permutation importance: columns ``column``, ``importance``, ``low``, ``high`` (loss in ROC-AUC).
    learning : LearningCurve, optional
        How training went.
    calibration : CalibrationChoice, optional
        How probabilities were calibrated.
    configuration, versions : mapping of str to object
        Settings of the run; versions of the packages it used.
    notes : tuple of str, default ()
        What was skipped, imputed, truncated or replaced, a sentence each.

    Raises
    ------
    InputError
        If parts do not fit together.
    """

    title: str
    created: str
    evaluation: Evaluation
    data: DataSummary
    times: AnyArray | None = None
    findings: tuple[Finding, ...] = ()
    importance: pa.Table | None = None
    learning: LearningCurve | None = None
    calibration: CalibrationChoice | None = None
    configuration: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise InputError("The report has an empty title; give it one.")
        try:
            datetime.fromisoformat(self.created)
        except ValueError as error:
            raise InputError(
                f"The report's moment {self.created!r} is not an ISO time; write it as 2025-01-31T12:00:00."
            ) from error
        rows = len(self.evaluation.y)
        if self.times is not None and len(self.times) != rows:
            raise InputError(
                f"The report has {len(self.times)} times for {rows} test rows; give one time a row, or none."
            )
        if self.importance is not None:
            absent = [name for name in IMPORTANCE_COLUMNS if name not in self.importance.column_names]
            if absent:
                raise InputError(
                    f"The importance table lacks {', '.join(absent)}; give {IMPORTANCE_COLUMNS}."
                )
