"""What spoils a credit model before it is fitted: leaks, identifiers, copies, target, time, drift."""

from bezant.evidence.checks.check import check
from bezant.evidence.checks.finding import CheckReport, Finding, Severity
from bezant.metrics.target_statistics import ExactValueGain, exact_value_gain, out_of_fold_means

__all__ = [
    "CheckReport",
    "ExactValueGain",
    "Finding",
    "Severity",
    "check",
    "exact_value_gain",
    "out_of_fold_means",
]
