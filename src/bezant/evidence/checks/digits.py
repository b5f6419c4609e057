"""Numbers whose exact values say far more about the outcome than their size does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bezant.evidence.checks.finding import Finding, named
from bezant.evidence.checks.view import Column, View
from bezant.metrics.target_statistics import (
    ExactValueGain,
    area_standard_error,
    area_under_curve,
    code_statistic,
    quantile_bins,
)
from bezant.schema import Kind
from bezant.types import AnyArray, BoolArray

LOSS_SAVED = 0.15
"""Share of the bins' log loss that exact values must save before it counts as a leak; codes (an
industry, a postcode) and heaped amounts save under 5 %."""

AREA_GAINED = 0.03
"""Area under the curve that exact values must gain over bins before it is said at all."""

MODULI = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 20, 24, 25, 26, 28, 30, 36, 48, 50, 52, 60, 64, 90,
          100, 120, 125, 128, 180, 250, 360, 365, 500, 1000, 2500, 5000, 10000)  # fmt: skip
"""Whole numbers that terms, counts and amounts are usually multiples of."""

FEWEST_VALUES = 8

ROWS_A_VALUE = 5
"""Codes and round amounts stand in at least this many rows each, on average."""


@dataclass(frozen=True)
class DigitRule:
    """A yes-or-no question about a number's digits and how well it alone separates the outcomes."""

    words: str
    auc: float
    modulus: float
    rows: int


def digit_findings(view: View) -> Iterator[Finding]:
    """Find numbers that leak through their exact values, and codes that are read as numbers."""
    for column in view.inputs:
        if column.kind is not Kind.NUMBER or len(column.values) < FEWEST_VALUES:
            continue
        gain = _gain(column, view)
        saved = 1 - gain.log_loss_exact / max(gain.log_loss_bins, 1e-12)
        error = area_standard_error(gain.auc_bins, view.sample_y.sum(), (1 - view.sample_y).sum())
        if gain.auc_exact - gain.auc_bins < AREA_GAINED + 3 * error:
            continue
        if saved >= LOSS_SAVED:
            yield _leak(column, gain, _best_rule(column, view), len(view.sample))
        elif saved > 0 and column.filled >= ROWS_A_VALUE * len(column.values):
            yield _code(column, gain, len(view.sample))


def _leak(column: Column, gain: ExactValueGain, rule: DigitRule, rows: int) -> Finding:
    question = f", and whether it is {rule.words} has AUC {rule.auc:.3f} alone" if rule.auc >= 0.6 else ""
    return Finding(
        "leaks-through-digits", "refuse", (column.name,),
        f"{named([column.name])} gives the outcome away through its exact values: out-of-fold on {rows:,} "
        f"rows they have AUC {gain.auc_exact:.3f} and its bins {gain.auc_bins:.3f}{question}; it was most "
        "likely changed after the outcome, so leave it out or take the value as agreed at the decision.",
        {**_figures(gain, rows), "rule_auc": rule.auc, "rule_modulus": rule.modulus, "rule_rows": rule.rows},
    )  # fmt: skip


def _code(column: Column, gain: ExactValueGain, rows: int) -> Finding:
    return Finding(
        "code-or-heaped", "note", (column.name,),
        f"{named([column.name])} says more by its {len(column.values):,} exact values (AUC "
        f"{gain.auc_exact:.3f} out-of-fold on {rows:,} rows) than by its size (AUC {gain.auc_bins:.3f}), "
        "as codes and round amounts do; give it the kind category or text if it is a code.",
        _figures(gain, rows),
    )  # fmt: skip


def _figures(gain: ExactValueGain, rows: int) -> dict[str, float]:
    return {
        "auc_exact": gain.auc_exact,
        "auc_bins": gain.auc_bins,
        "log_loss_exact": gain.log_loss_exact,
        "log_loss_bins": gain.log_loss_bins,
        "rows": rows,
    }


def _gain(column: Column, view: View) -> ExactValueGain:
    """The same figures as :func:`exact_value_gain`, on codes that are there already."""
    codes = column.codes[view.sample]
    bins = np.append(quantile_bins(column.values, column.counts), -1)
    auc_exact, loss_exact = code_statistic(codes, view.sample_y, view.folds)
    auc_bins, loss_bins = code_statistic(bins[codes], view.sample_y, view.folds)
    return ExactValueGain(auc_exact, auc_bins, loss_exact, loss_bins)


def _best_rule(column: Column, view: View) -> DigitRule:
    """Search the questions "is it a whole number" and "is it a multiple of m" for the best one."""
    known = (column.codes >= 0) & view.labelled
    codes, y = column.codes[known], view.y[known]
    counts = np.bincount(codes, minlength=len(column.values)).astype(np.float64)
    events = np.bincount(codes, weights=y, minlength=len(column.values))
    rules = [_rule("not a whole number", 1.0, column.values % 1 != 0, events, counts)]
    for m in MODULI:
        rules.append(_rule(f"no multiple of {m:,}", float(m), column.values % m != 0, events, counts))
    # of rules that say the same, the widest step is the grain that the values were agreed in
    return max(rules, key=lambda r: (round(r.auc, 3), r.modulus))


def _rule(words: str, modulus: float, yes: BoolArray, events: AnyArray, counts: AnyArray) -> DigitRule:
    answers = yes.astype(np.int64)
    e, n = (np.bincount(answers, weights=w, minlength=2) for w in (events, counts))
    auc = area_under_curve(np.array([0.0, 1.0]), e, n - e)
    return DigitRule(words, max(auc, 1 - auc), modulus, int(n[1]))
