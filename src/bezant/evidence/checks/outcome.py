"""Columns that know the outcome: filled in for one outcome only, or near-perfect alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bezant.evidence.checks.finding import Finding, named, of_rows
from bezant.evidence.checks.view import Column, View
from bezant.metrics.target_statistics import area_standard_error, code_statistic, quantile_bins
from bezant.types import BoolArray

ODDS_RATIO = 20.0
"""Smallest odds ratio between filled and empty rows, at the lower end of its 99.9 % interval. The
strongest honest facts of credit files (a lapsed insurance, a prior default) stay below ten."""

PERFECT = 0.95
NEARLY_PERFECT = 0.9
"""Single-column areas under the curve; honest single columns of credit files stay below 0.8."""


def one_outcome_findings(view: View) -> Iterator[Finding]:
    """Find columns that are filled in (not missing, not zero) almost only for one outcome."""
    for column in view.inputs:
        for word, empty in (("filled in for", column.codes < 0), ("not zero in", column.empty)):
            finding = _one_outcome(column, view, empty, word)
            if finding is not None:
                yield finding
                break


def _one_outcome(column: Column, view: View, empty: BoolArray, word: str) -> Finding | None:
    y = view.y[view.labelled]
    filled = ~empty[view.labelled]
    n = len(y)
    a, b = float(y[filled].sum()), float((1 - y[filled]).sum())
    c, d = float(y.sum()) - a, n - float(y.sum()) - b
    if min(a + b, c + d) < 1 or min(a + c, b + d) < 1:
        return None
    # Woolf's interval of the log odds ratio, with Haldane's half rows for empty cells.
    cells = np.array([a, b, c, d]) + 0.5
    log_ratio = float(np.log(cells[0] * cells[3] / (cells[1] * cells[2])))
    lowest = np.exp(abs(log_ratio) - 3.29 * np.sqrt((1 / cells).sum()))
    if lowest < ODDS_RATIO:
        return None
    rows = int(a + b)
    which, here, there = ("the event", a / (a + b), c / (c + d))
    if log_ratio < 0:
        which, here, there = "its absence", 1 - here, 1 - there
    return Finding(
        "filled-for-one-outcome", "refuse", (column.name,),
        f"{named([column.name])} is {word} {of_rows(rows, n)}, {here:.1%} of them with {which} as outcome "
        f"against {there:.1%} of the others: it is written after the outcome and gives it away; leave it "
        "out.",
        {"rows": n, "filled_rows": rows, "event_share_filled": a / (a + b), "event_share_empty": c / (c + d),
         "odds_ratio_lower": float(lowest)},
    )  # fmt: skip


def alone_findings(view: View) -> Iterator[Finding]:
    """Find columns that predict the outcome nearly perfectly alone (out of fold)."""
    y = view.sample_y
    for column in view.inputs:
        auc, how = max(_areas(column, view))
        if auc - 3 * area_standard_error(auc, float(y.sum()), float((1 - y).sum())) < NEARLY_PERFECT - 0.05:
            continue
        if auc >= NEARLY_PERFECT:
            yield Finding(
                "near-perfect-alone", "refuse" if auc >= PERFECT else "warn", (column.name,),
                f"{named([column.name])} alone separates the outcomes nearly perfectly ({how}, AUC {auc:.3f} "
                f"out-of-fold on {len(y):,} rows): it was most likely written after the outcome; leave it "
                "out unless you know that it stands at the decision.",
                {"auc": auc, "rows": len(y)},
            )  # fmt: skip


def _areas(column: Column, view: View) -> Iterator[tuple[float, str]]:
    codes = column.codes[view.sample]
    yield code_statistic(codes, view.sample_y, view.folds)[0], "by its exact values"
    if np.any(codes < 0):
        yield code_statistic((codes < 0).astype(np.int64), view.sample_y, view.folds)[0], "by what is missing"
    if column.is_ordered and len(column.values):
        bins = np.append(quantile_bins(column.values, column.counts), -1)
        yield code_statistic(bins[codes], view.sample_y, view.folds)[0], "by its size"
