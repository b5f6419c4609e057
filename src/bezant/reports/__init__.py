"""Reports worth showing: figures, and the self-contained HTML validation report."""

from bezant.reports.content import (
    CalibrationChoice,
    ColumnSummary,
    DataSummary,
    Finding,
    LearningCurve,
    ReportContent,
    Severity,
)
from bezant.reports.html import render, write
from bezant.reports.optimizers import optimizer_curves

__all__ = [
    "CalibrationChoice",
    "ColumnSummary",
    "DataSummary",
    "Finding",
    "LearningCurve",
    "ReportContent",
    "Severity",
    "optimizer_curves",
    "render",
    "write",
]
