"""Names that may describe the day the file was made rather than the day of the decision."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bezant.evidence.checks.finding import Finding, named
from bezant.evidence.checks.view import Column, View
from bezant.metrics.target_statistics import code_statistic
from bezant.schema import Kind

STRONG = 0.65
"""Out-of-fold area under the curve from which a name of many values is strong. Places and trades
say less; the party that holds or services a loan is the usual case that says more."""

BIG = 100
"""Sampled rows from which a value's own event share is worth showing."""


def snapshot_findings(view: View) -> Iterator[Finding]:
    """Find strong names of many values (a bank, a servicer, a branch).

    No file says by itself on which day a name was written: an acquired bank's live loans carry the
    acquirer's name while its closed ones keep the old one, and the name then knows the outcome. What
    can be seen is that a text of many values is unusually strong; so this asks, and does not judge.
    """
    for column in view.inputs:
        if column.kind is not Kind.TEXT:
            continue
        codes = column.codes[view.sample]
        auc, _ = code_statistic(codes, view.sample_y, view.folds)
        if auc < STRONG:
            continue
        low, high, big = _extremes(column, view)
        spread = (
            f", with event shares from {low:.1%} to {high:.1%} in its {big:,} biggest" if big >= 2 else ""
        )
        yield Finding(
            "may-be-snapshot", "warn", (column.name,),
            f"{named([column.name])} is a name of {len(column.values):,} values that alone reaches AUC "
            f"{auc:.3f} out-of-fold on {len(view.sample):,} rows{spread}: make sure that it is the name at "
            "the decision and not the one at the day of the file (as after a sale or merger), and report "
            "the fit with and without it.",
            {"auc": auc, "rows": len(view.sample), "distinct": len(column.values), "lowest_event_share": low,
             "highest_event_share": high, "big_values": big},
        )  # fmt: skip


def _extremes(column: Column, view: View) -> tuple[float, float, int]:
    """Lowest and highest event share among the values with many rows, and how many those are."""
    codes = column.codes[view.sample] + 1
    counts = np.bincount(codes, minlength=len(column.values) + 1)[1:]
    events = np.bincount(codes, weights=view.sample_y, minlength=len(column.values) + 1)[1:]
    big = counts >= BIG
    if not big.any():
        return float("nan"), float("nan"), 0
    shares = events[big] / counts[big]
    return float(shares.min()), float(shares.max()), int(big.sum())
